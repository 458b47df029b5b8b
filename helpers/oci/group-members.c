#include "group-inner.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The processes of a cgroup and of those below it.  Sources: cgroups(7), cgroup-v2.rst. */

#define MAX_PROCS ((size_t)16 << 20)
#define MAX_DEPTH 64

/* A process that the kernel does not let go of, as in a dead file system, is not waited for longer. */
#define END_MS    10000
#define FREEZE_MS 10000

/* ------ events ------ */

/* "name 1" is told; `data` is text that a call has read at once. */
static bool is_told(const char *data, const char *event)
{
        size_t len = strlen(event);

        for (const char *at = data; at && *at; at = strchr(at, '\n'), at += at != NULL) {
                if (strncmp(at, event, len) == 0 && at[len] == ' ')
                        return at[len + 1] == '1';
        }
        return false;
}

bool group_has_event(int dir, const char *event)
{
        char text[256];

        return io_read_small(dir, "cgroup.events", text, sizeof(text)) > 0 && is_told(text, event);
}

/* A change is told by POLLPRI. */
bool group_await_event(int dir, const char *event, bool wanted, int most_ms)
{
        autofd file = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
        struct pollfd fd = { .fd = file, .events = POLLPRI };
        uint64_t end = io_now() + (uint64_t)most_ms * 1000000u;
        char text[256];

        for (;;) {
                ssize_t n = file < 0 ? -1 : pread(file, text, sizeof(text) - 1, 0);
                uint64_t now = io_now();

                /* it has gone, and all with it */
                if (n <= 0)
                        return !wanted;
                text[n] = '\0';
                if (is_told(text, event) == wanted)
                        return true;
                if (now >= end)
                        return false;
                if (poll(&fd, 1, (int)((end - now) / 1000000u) + 1) < 0 && errno != EINTR)
                        return false;
        }
}

int group_freeze(const struct group *g, bool on, struct err *e)
{
        if (g->dir < 0)
                return err_set(e, ENOENT, "the container has no cgroup");
        if (io_write_file(g->dir, "cgroup.freeze", on ? "1" : "0", e) < 0)
                return err_prefix(e, "cannot freeze the cgroup '%s'", g->path);
        if (group_await_event(g->dir, "frozen", on, FREEZE_MS))
                return 0;
        return err_set(e, ETIMEDOUT, "the cgroup '%s' does not %s", g->path,
                       on ? "freeze" : "thaw");
}

bool group_is_frozen(const struct group *g)
{
        return g->dir >= 0 && group_has_event(g->dir, "frozen");
}

/* ------ who is in it ------ */

struct pids {
        pid_t *items;
        size_t n;
        size_t room;
};

static int read_pids(int dir, struct pids *pids, struct err *e)
{
        autofree char *text = NULL;

        if (io_read_file(dir, "cgroup.procs", MAX_PROCS, &text, NULL, e) < 0) {
                /* it has gone; or its threads are its parent's processes, which that one lists */
                if (e->code != ENOENT && e->code != ENODEV && e->code != EOPNOTSUPP)
                        return -e->code;
                *e = (struct err){ 0 };
                return 0;
        }
        char *at = text;
        for (char *line; (line = str_next_field(&at, '\n'));) {
                pid_t pid = (pid_t)strtol(line, NULL, 10);

                /* 0: in no pid namespace of ours */
                if (pid <= 0)
                        continue;
                if (mem_grow(&pids->items, pids->n, &pids->room, sizeof(pid_t), e) < 0)
                        return -e->code;
                pids->items[pids->n++] = pid;
        }
        return 0;
}

/* Calls `each` for the cgroup `dir` and those below it, these first. */
static int walk(int dir, unsigned depth, int (*each)(int dir, void *user, struct err *e),
                void *user, struct err *e)
{
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *list = fd_take_dir(&fd);
        struct dirent *entry;

        if (!list && errno == ENOENT)
                return 0;
        if (!list)
                return err_sys(e, "cannot list a cgroup");
        if (depth > MAX_DEPTH)
                return err_set(e, ELOOP, "cgroups nest deeper than %d", MAX_DEPTH);
        while ((entry = readdir(list))) {
                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                autofd below =
                        openat(dir, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (below >= 0 && walk(below, depth + 1, each, user, e) < 0)
                        return -e->code;
        }
        return each(dir, user, e);
}

static int list_one(int dir, void *user, struct err *e)
{
        return read_pids(dir, user, e);
}

int group_list(const struct group *g, pid_t **ret, size_t *ret_n, struct err *e)
{
        struct pids pids = { .items = NULL };

        *ret = NULL;
        *ret_n = 0;
        if (g->dir >= 0 && walk(g->dir, 0, list_one, &pids, e) < 0) {
                free(pids.items);
                return err_prefix(e, "cgroup '%s'", g->path);
        }
        *ret = pids.items;
        *ret_n = pids.n;
        return 0;
}

/* ------ signals ------ */

static int signal_all(const struct group *g, int signal, struct err *e)
{
        autofree pid_t *pids = NULL;
        size_t n;

        if (group_list(g, &pids, &n, e) < 0)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                if (kill(pids[i], signal) < 0 && errno != ESRCH)
                        return err_sys(e, "cannot send signal %d to process %d", signal,
                                       (int)pids[i]);
        }
        return 0;
}

/* While they are frozen none of them forks, and no pid is another's: so all get it. */
int group_kill(const struct group *g, int signal, struct err *e)
{
        struct err unused = { 0 };

        if (g->dir < 0)
                return err_set(e, ENOENT, "the container has no cgroup");
        if (signal == SIGKILL && faccessat(g->dir, "cgroup.kill", F_OK, 0) == 0)
                return io_write_file(g->dir, "cgroup.kill", "1", e);
        bool was_frozen = group_is_frozen(g);
        if (!was_frozen)
                group_freeze(g, true, &unused);
        int r = signal_all(g, signal, e);
        if (!was_frozen)
                io_write_file(g->dir, "cgroup.freeze", "0", &unused);
        return r;
}

/* ------ the end ------ */

/* Those below `dir`; what has gone meanwhile is no error. */
static int remove_below(int dir, void *user, struct err *e)
{
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *list = fd_take_dir(&fd);
        struct dirent *entry;

        (void)user;
        while (list && (entry = readdir(list))) {
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                    unlinkat(dir, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                        return err_sys(e, "cannot remove the cgroup '%s'", entry->d_name);
        }
        return 0;
}

static int remove_named(const char *path, struct err *e)
{
        char full[PATH_MAX];

        snprintf(full, sizeof(full), GROUP_MOUNT "%s", path);
        if (rmdir(full) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove the cgroup '%s'", path);
        return 0;
}

int group_remove(const struct group *g, struct err *e)
{
        if (g->dir < 0)
                return 0;
        if (group_has_event(g->dir, "populated") && group_kill(g, SIGKILL, e) < 0)
                return -e->code;
        if (!group_await_event(g->dir, "populated", false, END_MS))
                return err_set(e, ETIMEDOUT, "the processes of the cgroup '%s' do not end",
                               g->path);
        if (walk(g->dir, 0, remove_below, NULL, e) < 0)
                return -e->code;
        return g->path ? remove_named(g->path, e) : 0;
}
