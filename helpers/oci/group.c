#include "group-inner.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

void group_done(struct group *g)
{
        fd_close(&g->dir);
        free(g->path);
        g->path = NULL;
        proc_kill_child(&g->holder);
}

bool group_is_unified(void)
{
        struct statfs fs;

        return statfs(GROUP_MOUNT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int group_open_path(const char *path, int *ret, struct err *e)
{
        char full[PATH_MAX];
        int n = snprintf(full, sizeof(full), GROUP_MOUNT "%s", path);

        if (n < 0 || (size_t)n >= sizeof(full))
                return err_set(e, ENAMETOOLONG, "the path of the cgroup is too long");
        *ret = open(full, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return *ret < 0 ? err_sys(e, "cannot open the cgroup '%s'", path) : 0;
}

/* A controller that is not there has no files. */
static int fail_line(const struct bundle_line *line, struct err *e)
{
        int controller = (int)strcspn(line->file, ".");

        if (line->is_old)
                return err_set(e, EOPNOTSUPP, "%s: version 2 of cgroups has nothing like it",
                               line->where);
        if (e->code != ENOENT && e->code != EACCES)
                return err_prefix(e, "%s", line->where);
        err_set(e, e->code, "%s: no controller '%.*s' was delegated to the container's cgroup",
                line->where, controller, line->file);
        return err_hint(e, "see Delegate= in systemd.resource-control(5) for user@.service; kelp "
                           "doctor tells how to set it");
}

/* A kernel that does not count swap has no limit of it, and crun goes on there, too. */
static bool is_needless(const struct group *g, const struct bundle_line *line)
{
        return str_eq(line->file, "memory.swap.max") &&
               faccessat(g->dir, "memory.max", F_OK, 0) == 0;
}

static int write_line(const struct group *g, const struct bundle_line *line, struct err *e)
{
        if (!line->is_old && io_write_file(g->dir, line->file, line->value, e) == 0)
                return 0;
        if (e->code != ENOENT)
                return fail_line(line, e);
        bool is_done = line->other_file
                               ? io_write_file(g->dir, line->other_file, line->other_value, e) == 0
                               : is_needless(g, line);
        if (!is_done)
                return fail_line(line, e);
        *e = (struct err){ 0 };
        return 0;
}

static int write_lines(const struct group *g, const struct bundle_group *asked, struct err *e)
{
        for (size_t i = 0; i < asked->n_lines; i++) {
                if (write_line(g, &asked->lines[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

/* The kernel would kill processes until the limit is kept. */
static int check_usage(const struct group *g, const struct bundle_group *asked, struct err *e)
{
        uint64_t used;
        uint64_t limit;
        char text[32];

        for (size_t i = 0; asked->checks_usage && i < asked->n_lines; i++) {
                const struct bundle_line *line = &asked->lines[i];

                if (!str_eq(line->file, "memory.max") || str_eq(line->value, "max"))
                        continue;
                if (io_read_small(g->dir, "memory.current", text, sizeof(text)) <= 0)
                        return fail_line(line, e);
                if (parse_number(text, 0, UINT64_MAX, &used, e) < 0 ||
                    parse_number(line->value, 0, UINT64_MAX, &limit, e) < 0)
                        return err_prefix(e, "%s", line->where);
                if (limit <= used)
                        return err_set(e, EBUSY, "%s: %s bytes are in use already", line->where,
                                       text);
        }
        return 0;
}

int group_update(const struct group *g, const struct bundle *resources, struct err *e)
{
        if (g->dir < 0)
                return err_set(e, ENOENT, "the container has no cgroup, so nothing can be limited");
        if (check_usage(g, &resources->group, e) < 0)
                return -e->code;
        return write_lines(g, &resources->group, e);
}

/* The container's root is to rule over its cgroup; an id that is the caller's does already. */
static int give_away(const struct bundle *b, const struct group *g, struct err *e)
{
        static const char *const files[] = { "cgroup.procs", "cgroup.threads",
                                             "cgroup.subtree_control" };
        const struct id_map *maps[] = { &b->maps.uids, &b->maps.gids };
        uint32_t ids[] = { geteuid(), getegid() };

        if (geteuid() != 0 || !b->has_maps)
                return 0;
        for (size_t i = 0; i < 2; i++) {
                for (size_t k = 0; k < maps[i]->n; k++) {
                        if (maps[i]->ranges[k].inner == 0)
                                ids[i] = maps[i]->ranges[k].outer;
                }
        }
        if (ids[0] == geteuid())
                return 0;
        if (fchownat(g->dir, "", ids[0], ids[1], AT_EMPTY_PATH) < 0)
                return err_sys(e, "cannot give the cgroup to user %u", ids[0]);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                if (fchownat(g->dir, files[i], ids[0], ids[1], AT_SYMLINK_NOFOLLOW) < 0)
                        return err_sys(e, "cannot give '%s' of the cgroup to user %u", files[i],
                                       ids[0]);
        }
        return 0;
}

static void tell_unlimited(const struct bundle *b, const char *why, const struct notice *notice)
{
        const struct bundle_group *asked = &b->group;

        if (asked->n_lines > 0)
                notice_say(notice, "%s%s: %s, ignoring", asked->lines[0].where,
                           asked->n_lines > 1 ? " and what else is in linux.resources" : "", why);
        else if (asked->path)
                notice_debug(notice, "linux.cgroupsPath: %s, ignoring", why);
}

int group_make(const struct bundle *b, const char *id, enum group_manager manager,
               const struct group_keeper *keeper, const struct notice *notice, struct group *ret,
               struct err *e)
{
        struct group made = GROUP_NONE;
        struct err unused = { 0 };

        *ret = made;
        if (manager == GROUP_DISABLED) {
                tell_unlimited(b, "no cgroup is wanted", notice);
                return 0;
        }
        if (!group_is_unified()) {
                tell_unlimited(b, "'" GROUP_MOUNT "' is not version 2 of cgroups", notice);
                return 0;
        }
        int r = manager == GROUP_SYSTEMD ? group_make_scope(b, id, &made, e)
                                         : group_make_named(b, id, keeper, &made, e);
        if (r == 0 && !made.path) {
                tell_unlimited(b, "no cgroup was delegated to you", notice);
                return 0;
        }
        if (r == 0 && (write_lines(&made, &b->group, e) < 0 || give_away(b, &made, e) < 0))
                r = -e->code;
        if (r < 0) {
                group_remove(&made, &unused);
                group_done(&made);
                return r;
        }
        *ret = made;
        return 0;
}

/* Into the cgroup of a process that the container has already. */
static int add_beside(const struct group *g, const char *text, struct err *e)
{
        char file[64];
        char cgroup[PATH_MAX];
        autofd dir = -1;
        autofree pid_t *pids = NULL;
        size_t n;

        if (group_list(g, &pids, &n, e) < 0)
                return -e->code;
        if (n == 0)
                return err_set(e, ESRCH, "the container has no process");
        snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pids[0]);
        if (io_read_small(AT_FDCWD, file, cgroup, sizeof(cgroup)) <= 0)
                return err_set(e, ESRCH, "cannot read '%s'", file);
        /* on a unified host there is one line alone */
        if (!str_has_prefix(cgroup, "0::/") || !path_is_in(cgroup + 3, g->path))
                return err_set(e, ESRCH, "process %d is not in '%s'", (int)pids[0], g->path);
        if (group_open_path(cgroup + 3, &dir, e) < 0)
                return -e->code;
        return io_write_file(dir, "cgroup.procs", text, e);
}

/*
 * EBUSY: the container hands controllers down to cgroups of its own, as a systemd in it does, and so
 * none of its processes can be in the one that we know.
 */
int group_add(const struct group *g, pid_t pid, struct err *e)
{
        struct err why;
        char text[16];

        if (g->dir < 0)
                return 0;
        snprintf(text, sizeof(text), "%d", (int)pid);
        if (io_write_file(g->dir, "cgroup.procs", text, e) == 0)
                return 0;
        why = *e;
        *e = (struct err){ 0 };
        if (why.code == EBUSY && add_beside(g, text, e) == 0)
                return 0;
        if (why.code == EACCES || why.code == EPERM) {
                if (group_attach(g->path, pid, e) == 0)
                        return 0;
                if (e->code != ENOENT)
                        why = *e;
        }
        *e = why;
        return err_prefix(e, "cannot put process %d into the cgroup '%s'", (int)pid, g->path);
}

int group_open(const char *path, struct group *ret, struct err *e)
{
        struct group g = GROUP_NONE;

        *ret = g;
        if (!path || !group_is_unified())
                return 0;
        if (group_open_path(path, &g.dir, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ 0 };
                return 0;
        }
        g.path = strdup(path);
        if (!g.path) {
                group_done(&g);
                return err_set(e, ENOMEM, "out of memory");
        }
        *ret = g;
        return 0;
}
