#include "group-inner.h"

#include "fd.h"
#include "helper-exit.h"
#include "helper-find.h"
#include "helper-said.h"
#include "io.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A scope comes into being around a process, and goes with its last one.  The container has none yet,
 * and is to be born in its cgroup: so a process that does nothing holds the scope until then.
 *
 * Sources: org.freedesktop.systemd1(5), systemd's CGROUP_DELEGATION.md.
 */

#define HELPER "kelp-scope"

/* Where the container is: in what is delegated with the scope, whose own files are not ours to write. */
#define BELOW "/container"

/* Source: systemd.unit(5): the longest name, and what may be in one; "@" would be a template's. */
#define MAX_UNIT   256
#define UNIT_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\"

struct unit {
        char name[MAX_UNIT];
        char slice[MAX_UNIT];
};

/* ------ names ------ */

static int refuse_name(const char *path, struct err *e)
{
        return err_set(e, EINVAL,
                       "linux.cgroupsPath: '%.200s' is not SLICE:PREFIX:NAME, as --systemd-cgroup "
                       "takes it",
                       path);
}

/* An id may have a "+", a unit not. */
static int print_unit(struct unit *ret, const char *prefix, size_t len, const char *id,
                      struct err *e)
{
        size_t used = 0;

        int n = snprintf(ret->name, sizeof(ret->name), "%.*s%s", (int)len, prefix,
                         len > 0 ? "-" : "");
        if (n < 0 || (size_t)n >= sizeof(ret->name))
                return refuse_name(prefix, e);
        used = (size_t)n;
        for (const char *at = id; *at; at++) {
                bool is_plain = strchr(UNIT_CHARS, *at);

                n = snprintf(ret->name + used, sizeof(ret->name) - used,
                             is_plain ? "%c" : "\\x%02x", (unsigned char)*at);
                used += (size_t)n;
                if (used >= sizeof(ret->name))
                        break;
        }
        if (used + strlen(".scope") >= sizeof(ret->name))
                return err_set(e, ENAMETOOLONG,
                               "linux.cgroupsPath: the name of the scope has more "
                               "than %d bytes",
                               MAX_UNIT - 1);
        memcpy(ret->name + used, ".scope", sizeof(".scope"));
        return 0;
}

/* Without a slice it is the one that is the user's own. */
static int read_unit(const char *path, const char *id, struct unit *ret, struct err *e)
{
        snprintf(ret->slice, sizeof(ret->slice), "user.slice");
        if (!path || !path[0])
                return print_unit(ret, "kelp-oci", strlen("kelp-oci"), id, e);
        const char *first = strchr(path, ':');
        const char *second = first ? strchr(first + 1, ':') : NULL;
        size_t slice_len = first ? (size_t)(first - path) : 0;
        if (!second || second[1] == '\0' || strchr(path, '/') || slice_len >= sizeof(ret->slice))
                return refuse_name(path, e);
        if (slice_len > 0)
                snprintf(ret->slice, sizeof(ret->slice), "%.*s", (int)slice_len, path);
        if (!str_has_suffix(ret->slice, ".slice") || ret->slice[strspn(ret->slice, UNIT_CHARS)])
                return refuse_name(path, e);
        return print_unit(ret, first + 1, (size_t)(second - first - 1), second + 1, e);
}

/* ------ the helper ------ */

/* Where the user's systemd is asked; as uid 0 of a user namespace our own id says nothing. */
static const char *find_bus(struct arena *arena, struct err *e)
{
        static const char name[] = "DBUS_SESSION_BUS_ADDRESS";
        const char *address = getenv(name);
        const char *dir = getenv("XDG_RUNTIME_DIR");

        if (address && address[0])
                return arena_print(arena, e, "%s=%s", name, address);
        if (dir && dir[0] == '/')
                return arena_print(arena, e, "%s=unix:path=%s/bus", name, dir);
        return arena_print(arena, e, "%s=unix:path=/run/user/%u/bus", name, geteuid());
}

static int judge_end(char *text, int status, struct err *e)
{
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                return err_set(e, ETIMEDOUT, "the message bus of your systemd does not answer");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != HELPER_FAILED)
                return err_set(e, EIO, HELPER " ended with status %d", proc_exit_code(status));
        return helper_said(text, HELPER, e);
}

/* *ret_text, the caller's (free), is what it has said. */
static int ask(const char *const *argv, char **ret_text, struct err *e)
{
        autofd said = memfd_create(HELPER, MFD_CLOEXEC);
        autochild child = CHILD_NONE;
        struct arena arena = { 0 };
        const char *env[] = { find_bus(&arena, e), NULL };
        struct proc_spec spec = {
                .path = env[0] ? helper_find(&arena, HELPER, e) : NULL,
                .argv = argv,
                .env = env,
                .stdin_fd = -1,
                .stdout_fd = said,
                .stderr_fd = said,
                .die_with_parent = true,
        };
        int status;

        if (e->code == 0 && said < 0)
                err_sys(e, "cannot make a file in memory");
        if (e->code == 0 && proc_start(&spec, &child, e) == 0 &&
            proc_wait(&child, &status, e) == 0 && lseek(said, 0, SEEK_SET) < 0)
                err_sys(e, "cannot read what " HELPER " said");
        arena_done(&arena);
        if (e->code != 0 ||
            io_read_all(said, 2 * PATH_MAX, "what " HELPER " said", ret_text, NULL, e) < 0)
                return -e->code;
        return judge_end(*ret_text, status, e);
}

/* *ret: the path of its cgroup, the caller's (free). */
static int ask_for_scope(const struct unit *unit, pid_t pid, char **ret, struct err *e)
{
        char number[16];
        const char *argv[] = { HELPER, number, unit->name, unit->slice, NULL };
        autofree char *text = NULL;

        snprintf(number, sizeof(number), "%d", (int)pid);
        if (ask(argv, &text, e) < 0)
                return -e->code;
        size_t len = strcspn(text, "\n");
        if (text[0] != '/' || strcmp(text + len, "\n") != 0 || strstr(text, "/../"))
                return err_set(e, EPROTO, HELPER " has told of no cgroup");
        text[len] = '\0';
        if (asprintf(ret, "%s" BELOW, text) < 0) {
                *ret = NULL;
                return err_set(e, ENOMEM, "out of memory");
        }
        return 0;
}

/* ------ the holder ------ */

static _Noreturn void hold(int parent, struct err *e)
{
        if (proc_reset_signals(e) == 0 && proc_die_with(parent, e) == 0 &&
            fd_close_others(NULL, 0, e) == 0) {
                /* an engine that waits for the end of our output does not wait for us */
                close(STDIN_FILENO);
                close(STDOUT_FILENO);
                close(STDERR_FILENO);
                for (;;)
                        pause();
        }
        _exit(1);
}

static int start_holder(struct child *ret, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);

        if (self < 0)
                return -e->code;
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot make the process that holds a scope");
        if (pid == 0)
                hold(self, e);
        ret->pid = pid;
        ret->pidfd = proc_pidfd(pid, e);
        return ret->pidfd < 0 ? -e->code : 0;
}

/* The scope has processes, so it hands nothing down: first the holder goes where the container will be. */
static int make_below(const struct bundle *b, struct group *g, struct err *e)
{
        autofree char *scope = strndup(g->path, strlen(g->path) - strlen(BELOW));
        autofd dir = -1;
        char text[16];

        if (!scope)
                return err_set(e, ENOMEM, "out of memory");
        if (group_open_path(scope, &dir, e) < 0)
                return -e->code;
        if (mkdirat(dir, &BELOW[1], 0755) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make the cgroup '%s'", g->path);
        g->dir = openat(dir, &BELOW[1], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (g->dir < 0)
                return err_sys(e, "cannot open the cgroup '%s'", g->path);
        snprintf(text, sizeof(text), "%d", (int)g->holder.pid);
        if (io_write_file(g->dir, "cgroup.procs", text, e) < 0)
                return err_prefix(e, "cannot enter the cgroup '%s'", g->path);
        group_hand_down(dir, &b->group);
        return 0;
}

int group_make_scope(const struct bundle *b, const char *id, struct group *ret, struct err *e)
{
        struct unit unit = { .name = "" };

        if (read_unit(b->group.path, id, &unit, e) < 0 || start_holder(&ret->holder, e) < 0 ||
            ask_for_scope(&unit, ret->holder.pid, &ret->path, e) < 0 || make_below(b, ret, e) < 0)
                return err_prefix(e, "--systemd-cgroup");
        ret->is_scope = true;
        return 0;
}

int group_attach(const char *path, pid_t pid, struct err *e)
{
        const char *end = strstr(path, ".scope/");
        const char *start = end;
        autofree char *text = NULL;
        autofree char *unit = NULL;
        char number[16];

        if (!end)
                return err_set(e, ENOENT, "'%s' is in no scope", path);
        end += strlen(".scope");
        while (start > path && start[-1] != '/')
                start--;
        unit = strndup(start, (size_t)(end - start));
        if (!unit)
                return err_set(e, ENOMEM, "out of memory");
        snprintf(number, sizeof(number), "%d", (int)pid);
        const char *argv[] = { HELPER, "--attach", number, unit, end, NULL };
        return ask(argv, &text, e);
}
