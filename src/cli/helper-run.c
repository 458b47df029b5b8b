#include "helper-run.h"

#include "helper-exit.h"
#include "proc.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/wait.h>

int helper_run(const struct helper_task *task, struct err *e)
{
        const struct proc_spec spec = {
                .path = task->path,
                .argv = task->argv,
                .env = task->env,
                .stdin_fd = -1,
                .stdout_fd = -1,
                .stderr_fd = -1,
                .die_with_parent = true,
        };
        autochild child = CHILD_NONE;
        int status = 0;

        if (proc_start(&spec, &child, e) < 0 || proc_wait(&child, &status, e) < 0)
                return err_prefix(e, "cannot %s '%s'", task->verb, task->object);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == HELPER_FAILED)
                return err_set(e, ECANCELED, "cannot %s '%s'", task->verb, task->object);
        return err_set(e, EIO, "cannot %s '%s': the helper ended with status %d", task->verb,
                       task->object, proc_exit_code(status));
}
