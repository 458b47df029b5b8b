#include "scope.h"

#include "fd.h"
#include "helper-exit.h"
#include "helper-find.h"
#include "helper-said.h"
#include "io.h"
#include "log.h"
#include "mem.h"
#include "proc.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_SIZE 64

/* The path, in a line, or why there is none. */
static int read_answer(char *text, int status, const char **ret_path, struct err *e)
{
        size_t len = strlen(text);

        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                return err_set(e, ETIMEDOUT, "the message bus of your systemd does not answer");
        if (!WIFEXITED(status) ||
            (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != HELPER_FAILED))
                return err_set(e, EIO, "kelp-scope ended with status %d", proc_exit_code(status));
        if (WEXITSTATUS(status) != 0)
                return helper_said(text, "kelp-scope", e);
        if (text[0] != '/' || text[len - 1] != '\n')
                return err_set(e, EPROTO, "kelp-scope has told of no cgroup");
        text[len - 1] = '\0';
        *ret_path = text;
        return 0;
}

/* Where systemd is asked: as the user has it, else the place that a login gives. */
static const char *find_bus(struct arena *arena, struct err *e)
{
        static const char name[] = "DBUS_SESSION_BUS_ADDRESS";
        const char *address = getenv(name);

        if (address && address[0])
                return arena_print(arena, e, "%s=%s", name, address);
        return arena_print(arena, e, "%s=unix:path=/run/user/%u/bus", name, geteuid());
}

static int run_helper(struct arena *arena, const char *unit, char **ret_text, int *ret_status,
                      struct err *e)
{
        autofd said = memfd_create("kelp-scope", MFD_CLOEXEC);
        autochild child = CHILD_NONE;
        char pid[16];
        const char *argv[] = { "kelp-scope", pid, unit, NULL };
        const char *env[] = { find_bus(arena, e), NULL };
        struct proc_spec spec = {
                .path = env[0] ? helper_find(arena, "kelp-scope", e) : NULL,
                .argv = argv,
                .env = env,
                .stdin_fd = -1,
                .stdout_fd = said,
                .stderr_fd = said,
                .die_with_parent = true,
        };

        if (!spec.path)
                return -e->code;
        if (said < 0)
                return err_sys(e, "cannot make a file in memory");
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (proc_start(&spec, &child, e) < 0 || proc_wait(&child, ret_status, e) < 0)
                return -e->code;
        if (lseek(said, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read what kelp-scope said");
        return io_read_all(said, 2 * PATH_MAX, "what kelp-scope said", ret_text, NULL, e);
}

static int ask(struct limit_tiers *tiers, struct err *e)
{
        struct arena arena = { 0 };
        autofree char *text = NULL;
        const char *path;
        char unit[UNIT_SIZE];
        int status = 0;

        /* of a process that is there no other has the same pid */
        snprintf(unit, sizeof(unit), "kelp-%d-%llx.scope", (int)getpid(),
                 (unsigned long long)io_now());
        if (run_helper(&arena, unit, &text, &status, e) == 0 &&
            read_answer(text, status, &path, e) == 0)
                limit_tiers_enter_scope(tiers, unit, path, e);
        arena_done(&arena);
        return -e->code;
}

int scope_get(const struct plan_limits *limits, struct limit_tiers *tiers, struct err *e)
{
        struct err why = { 0 };
        bool is_weaker = false;

        if (!tiers->needs_scope || ask(tiers, &why) == 0)
                return 0;
        if (limit_tiers_do_without(limits, &why, tiers, &is_weaker, e) < 0)
                return -e->code;
        if (is_weaker)
                log_notice("%.*s; kelp looks at the sandbox from outside instead",
                           err_message_len(&why), why.text);
        return 0;
}
