/*
 * kelp-scope: asks the systemd of this user for a scope.  Called by kelp with a fixed set of
 * variables, of which DBUS_SESSION_BUS_ADDRESS says where to ask:
 *
 *     kelp-scope PID UNIT [SLICE]
 *     kelp-scope --attach PID UNIT BELOW
 *
 * When the process is in the scope of that name, the path of its cgroup is printed.  --attach moves one
 * more process to a scope that there is, into the cgroup BELOW it, an absolute path.  Exit status: 0; 125
 * when it failed, and has said why.
 */

#include "err.h"
#include "fd.h"
#include "helper-exit.h"
#include "log.h"
#include "mem.h"
#include "parse.h"
#include "scope.h"
#include "str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Whoever stops the bus is not to stop kelp: SIGALRM ends this process. */
#define MOST_SECONDS 12

static int start(char **argv, struct err *e)
{
        autofree char *path = NULL;
        uint64_t pid;

        if (parse_number(argv[1], 1, INT32_MAX, &pid, e) < 0 ||
            scope_start((uint32_t)pid, argv[2], argv[3], &path, e) < 0)
                return -e->code;
        if (printf("%s\n", path) < 0 || fflush(stdout) != 0)
                return err_sys(e, "cannot print the path of the cgroup");
        return 0;
}

static int run(int argc, char **argv, struct err *e)
{
        uint64_t pid;

        if (argc == 5 && str_eq(argv[1], "--attach")) {
                if (parse_number(argv[2], 1, INT32_MAX, &pid, e) < 0)
                        return -e->code;
                return scope_attach((uint32_t)pid, argv[3], argv[4], e);
        }
        if (argc == 3 || argc == 4)
                return start(argv, e);
        err_set(e, EINVAL, "a process and a scope are needed");
        return err_hint(e, "kelp-scope [--attach] PID UNIT [SLICE|BELOW]");
}

int main(int argc, char **argv)
{
        struct err e = { 0 };

        signal(SIGPIPE, SIG_IGN);
        alarm(MOST_SECONDS);
        if (fd_fill_standard(&e) < 0 || run(argc, argv, &e) < 0) {
                log_err(&e);
                return HELPER_FAILED;
        }
        return 0;
}
