#include "run-hint.h"

#include "step.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_builtin(const char *name)
{
        static const char *const names[] = { ".",     "alias",  "cd",     "declare", "eval",
                                             "exec",  "exit",   "export", "local",   "set",
                                             "shift", "source", "trap",   "type",    "ulimit",
                                             "umask", "unset" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(names[i], name))
                        return true;
        }
        return false;
}

/* Of a directory that was taken for an image: any of these makes a root of it. */
static bool is_root(const char *directory)
{
        static const char *const names[] = { "bin", "usr", "etc", "sbin", "lib" };
        char path[4096];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                int n = snprintf(path, sizeof(path), "%s/%s", directory, names[i]);

                if (n < (int)sizeof(path) && access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

static void hint_command(const struct plan *p, struct err *e)
{
        const char *name = p->exec.argv[0];

        if (p->exec.hint && name[0] == '-')
                err_hint(e, "%s", p->exec.hint);
        else if (p->image.directory && !is_root(p->image.directory))
                err_hint(e, "'%s' is no root file system; a command on this host: kelp run -- %s",
                         p->image.name, name);
        else if (p->exec.n_args == 1 && strchr(name, ' '))
                err_hint(e, "the words stand without quotes: -- %s", name);
        else if (is_builtin(name))
                err_hint(e, "it is a word of the shell: sh -c '%s ...'", name);
}

void run_hint(const struct plan *p, struct err *e)
{
        if (err_get_hint(e))
                return;
        if (e->step == STEP_EXEC && e->code == ENOENT)
                hint_command(p, e);
        /* what the sandbox needs of its own cannot be put into a directory of others */
        if (e->step == STEP_ROOT && e->code == EACCES && p->image.directory)
                err_hint(
                        e,
                        "is '%s' a root file system that you may write to? an archive of it will do",
                        p->image.name);
}
