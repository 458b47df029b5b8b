#include "ids.h"

#include "fd.h"
#include "io.h"
#include "subids.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ------ which maps ------ */

static bool is_own_id(const struct id_map *map, uint32_t own)
{
        return map->n == 1 && map->ranges[0].count == 1 && map->ranges[0].outer == own;
}

static int find_helper(const char *name, char *ret, struct err *e)
{
        struct host_view v = { .root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };
        char command[200];

        if (v.root_fd < 0)
                return err_sys(e, "cannot open '/'");
        bool found = host_find_program(&v, name, ret, PATH_MAX);
        if (!found) {
                host_install_command(&v, "newuidmap", command, sizeof(command));
                err_set(e, ENOENT, "'%s', which writes the map of ids, is not installed", name);
                err_hint(e, "%s", command);
        }
        host_view_done(&v);
        return found ? 0 : -e->code;
}

/* Of the caller's own namespace: a new one inherits it. */
static int read_denial(struct ids *ids, struct err *e)
{
        char text[16];
        ssize_t n = io_read_small(AT_FDCWD, "/proc/self/setgroups", text, sizeof(text));

        if (n < 0)
                return err_set(e, (int)-n, "cannot read '/proc/self/setgroups': %s",
                               err_name((int)-n));
        ids->denies_groups = strcmp(text, "deny") == 0;
        return 0;
}

static int choose_writers(struct ids *ids, struct err *e)
{
        struct id_maps *m = &ids->maps;

        if (geteuid() == 0)
                return read_denial(ids, e);
        ids->denies_groups = is_own_id(&m->gids, getegid());
        if (!is_own_id(&m->uids, geteuid()) && find_helper("newuidmap", m->newuidmap, e) < 0)
                return -e->code;
        if (!ids->denies_groups && find_helper("newgidmap", m->newgidmap, e) < 0)
                return -e->code;
        return 0;
}

static int add_range(struct id_map *map, uint32_t inner, uint32_t outer, uint32_t count,
                     struct err *e)
{
        const struct id_range range = { .inner = inner, .outer = outer, .count = count };

        return count > 0 ? id_map_add(map, &range, e) : 0;
}

/* The ids from 0 on are the subordinate ones, but for `inner`, which is the caller's own. */
static int fill_default(struct id_map *map, uint32_t inner, uint32_t own,
                        const struct host_subids *subids, struct err *e)
{
        uint32_t next = 0;

        for (size_t i = 0; i < subids->n && map->n + 2 < ID_MAP_MAX; i++) {
                uint32_t start = subids->ranges[i].start;
                uint32_t left = subids->ranges[i].count;
                uint32_t before = next <= inner && inner - next < left ? inner - next : left;

                if (add_range(map, next, start, before, e) < 0)
                        return -e->code;
                next += before;
                if (next == inner && before < left) {
                        next++;
                        if (add_range(map, next, start + before, left - before, e) < 0)
                                return -e->code;
                        next += left - before;
                }
        }
        return add_range(map, inner, own, 1, e);
}

static int choose_default(const struct bundle *b, struct id_maps *maps, struct err *e)
{
        struct host_subids uids = { 0 };
        struct host_subids gids = { 0 };
        struct host_view v;

        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        int r = host_subids_read(&v, "etc/subuid", &uids, e);
        if (r == 0)
                r = host_subids_read(&v, "etc/subgid", &gids, e);
        host_view_done(&v);
        if (r < 0)
                return r;
        /* both or none: a group that cannot be set is of no use to a user who can */
        if (uids.n == 0 || gids.n == 0)
                uids.n = gids.n = 0;
        if (fill_default(&maps->uids, b->process.uid, geteuid(), &uids, e) < 0)
                return -e->code;
        return fill_default(&maps->gids, b->process.gid, getegid(), &gids, e);
}

int ids_choose(const struct bundle *b, const struct notice *notice, struct ids *ret, struct err *e)
{
        const struct bundle_namespace *ns = &b->ns[BUNDLE_NS_USER];
        bool is_root = geteuid() == 0;

        ret->kind = ns->is_asked ? (ns->path ? IDS_JOINED : IDS_NEW) : is_root ? IDS_OWN : IDS_NEW;
        if (ret->kind != IDS_NEW)
                return 0;
        if (!ns->is_asked)
                notice_debug(notice,
                             "the config has no user namespace, which a container of a user "
                             "who is not root needs: it gets one");
        if (ns->is_asked && b->has_maps)
                ret->maps = b->maps;
        else if (choose_default(b, &ret->maps, e) < 0)
                return err_prefix(e, "linux.uidMappings");
        if (choose_writers(ret, e) < 0)
                return -e->code;
        const struct id_range *uid = &ret->maps.uids.ranges[0];
        const struct id_range *gid = &ret->maps.gids.ranges[0];
        ret->has_caller_root = uid->inner == 0 && uid->outer == geteuid() && gid->inner == 0 &&
                               gid->outer == getegid();
        return 0;
}

/* ------ writing them ------ */

static int write_map(int proc, const char *name, const struct id_map *map, struct err *e)
{
        char text[ID_MAP_TEXT_MAX];

        id_map_print(map, text, sizeof(text));
        return io_write_file(proc, name, text, e);
}

/* gids first: the kernel wants setgroups(2) denied before it takes them from who is not root. */
static int write_own(int proc, const struct ids *ids, struct err *e)
{
        const struct id_maps *m = &ids->maps;

        if (ids->denies_groups && io_write_file(proc, "setgroups", "deny", e) < 0)
                return -e->code;
        if (!m->newgidmap[0] && write_map(proc, "gid_map", &m->gids, e) < 0)
                return -e->code;
        return m->newuidmap[0] ? 0 : write_map(proc, "uid_map", &m->uids, e);
}

int ids_write(const struct ids *ids, pid_t pid, struct err *e)
{
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        autofd proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (write_own(proc, ids, e) < 0 || id_maps_write(pid, &ids->maps, e) < 0)
                return err_prefix(e, "the ids of the new user namespace");
        return 0;
}

/* ------ inside ------ */

static int read_map(const char *name, struct id_map *ret, struct err *e)
{
        char path[40];
        char text[ID_MAP_TEXT_MAX];
        struct id_range r;
        int len = 0;

        snprintf(path, sizeof(path), "/proc/self/%s", name);
        ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof(text));
        if (n < 0)
                return err_set(e, (int)-n, "cannot read '%s': %s", path, err_name((int)-n));
        for (const char *at = text; ret->n < ID_MAP_MAX; at += len) {
                if (sscanf(at, "%u %u %u%n", &r.inner, &r.outer, &r.count, &len) != 3)
                        break;
                ret->ranges[ret->n++] = r;
        }
        if (ret->n == 0)
                return err_set(e, EINVAL, "the user namespace has no ids yet ('%s')", name);
        return 0;
}

static int look_up(struct ids *ids, struct err *e)
{
        if (read_denial(ids, e) < 0)
                return -e->code;
        if (ids->kind == IDS_OWN)
                return 0;
        if (read_map("uid_map", &ids->maps.uids, e) < 0)
                return -e->code;
        return read_map("gid_map", &ids->maps.gids, e);
}

static uint32_t choose_id(const struct id_map *map)
{
        return id_map_has(map, 0) ? 0 : map->ranges[0].inner;
}

int ids_enter(struct ids *ids, struct err *e)
{
        if (ids->kind != IDS_NEW && look_up(ids, e) < 0)
                return -e->code;
        if (ids->kind == IDS_OWN)
                return 0;
        gid_t gid = choose_id(&ids->maps.gids);
        uid_t uid = choose_id(&ids->maps.uids);
        if (getegid() != gid && setresgid(gid, gid, gid) < 0)
                return err_sys(e, "cannot become group %u of the user namespace", gid);
        if (geteuid() != uid && setresuid(uid, uid, uid) < 0)
                return err_sys(e, "cannot become user %u of the user namespace", uid);
        return 0;
}
