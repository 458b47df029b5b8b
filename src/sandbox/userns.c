#include "userns.h"

#include "fd.h"
#include "io.h"
#include "subids.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_helper(const struct host_view *v, const char *name, char *ret, struct err *e)
{
        char command[200];

        if (host_find_program(v, name, ret, PATH_MAX))
                return 0;
        host_install_command(v, "newuidmap", command, sizeof(command));
        err_set(e, ENOENT, "'%s' is not installed", name);
        return err_hint(e, "%s, or use --userns single", command);
}

/* Behind a root they follow each other from 1 on; behind any other id they keep their numbers. */
static int add_range(struct id_map *map, const struct host_subid *subid, const char *file,
                     struct err *e)
{
        const struct id_range *last = &map->ranges[map->n - 1];
        bool is_behind_root = map->ranges[0].inner == 0;
        const struct id_range range = {
                .inner = is_behind_root ? last->inner + last->count : subid->start,
                .outer = subid->start,
                .count = subid->count,
        };

        if (id_map_add(map, &range, e) < 0)
                return err_prefix(e, "'/%s'", file);
        return 0;
}

static int add_subids(const struct host_view *v, struct id_map *map, const char *file,
                      struct err *e)
{
        struct host_subids subids = { 0 };

        if (host_subids_read(v, file, &subids, e) < 0)
                return -e->code;
        if (subids.bad_line > 0)
                return err_set(e, EINVAL, "line %u of '/%s' is no range of ids", subids.bad_line,
                               file);
        if (subids.n == 0)
                return err_set(e, ENOENT, "'/%s' gives you no subordinate ids", file);
        for (size_t i = 0; i < subids.n; i++) {
                if (add_range(map, &subids.ranges[i], file, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int find_subids(const struct host_view *v, struct id_maps *maps, struct err *e)
{
        if (find_helper(v, "newuidmap", maps->newuidmap, e) < 0 ||
            find_helper(v, "newgidmap", maps->newgidmap, e) < 0 ||
            add_subids(v, &maps->uids, "etc/subuid", e) < 0)
                return -e->code;
        return add_subids(v, &maps->gids, "etc/subgid", e);
}

static int choose_subids(struct id_maps *maps, struct err *e)
{
        struct host_view v;

        if (host_view_open(&v, "/", e) < 0)
                return -e->code;
        int r = find_subids(&v, maps, e);
        host_view_done(&v);
        maps->by_helper = r == 0;
        return r;
}

void userns_single_maps(const struct plan *p, struct id_maps *ret)
{
        id_map_single(&ret->uids, p->ids.base_uid, p->ids.outer_uid);
        id_map_single(&ret->gids, p->ids.base_gid, p->ids.outer_gid);
        ret->by_helper = false;
}

int userns_choose_maps(const struct plan *p, struct id_maps *ret, struct err *ret_fallback,
                       struct err *e)
{
        struct id_maps maps = { 0 };

        userns_single_maps(p, &maps);
        if (p->ids.mode == PLAN_USERNS_SUBIDS) {
                if (choose_subids(&maps, e) < 0)
                        return err_prefix(e, "--userns subids");
        } else if (p->ids.mode == PLAN_USERNS_AUTO && p->root == PLAN_ROOT_IMAGE) {
                if (choose_subids(&maps, ret_fallback) < 0)
                        userns_single_maps(p, &maps);
        }
        *ret = maps;
        return 0;
}

bool userns_expects_one_id(const struct plan *p)
{
        struct id_maps maps = { 0 };
        struct err unused = { 0 };

        if (p->ids.mode == PLAN_USERNS_SUBIDS)
                return false;
        return userns_choose_maps(p, &maps, &unused, &unused) < 0 || !maps.by_helper;
}

int userns_open_process(pid_t pid, struct err *e)
{
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? err_sys(e, "cannot open '%s'", path) : fd;
}

static int check_map(int proc, const char *name, const struct id_map *map, struct err *e)
{
        char text[ID_MAP_TEXT_MAX];
        ssize_t n = io_read_small(proc, name, text, sizeof(text));
        const char *at = text;

        if (n < 0)
                return err_set(e, (int)-n, "cannot read '%s' back: %s", name, err_name((int)-n));
        for (size_t i = 0; i < map->n; i++) {
                struct id_range got;
                int len = 0;

                if (sscanf(at, "%u %u %u%n", &got.inner, &got.outer, &got.count, &len) != 3 ||
                    memcmp(&got, &map->ranges[i], sizeof(got)) != 0)
                        return err_set(e, EPROTO, "'%s' is not what was written", name);
                at += len;
        }
        if (at[strspn(at, " \n")] != '\0')
                return err_set(e, EPROTO, "'%s' has more than what was written", name);
        return 0;
}

static int write_direct(int proc, const struct id_maps *maps, struct err *e)
{
        char text[ID_MAP_TEXT_MAX];

        if (io_write_file(proc, "setgroups", "deny", e) < 0)
                return -e->code;
        id_map_print(&maps->gids, text, sizeof(text));
        if (io_write_file(proc, "gid_map", text, e) < 0)
                return -e->code;
        id_map_print(&maps->uids, text, sizeof(text));
        return io_write_file(proc, "uid_map", text, e);
}

int userns_write_maps(int proc, pid_t pid, const struct id_maps *maps, struct err *e)
{
        return maps->by_helper ? id_maps_write(pid, maps, e) : write_direct(proc, maps, e);
}

int userns_check_maps(int proc, const struct id_maps *maps, struct err *e)
{
        if (check_map(proc, "uid_map", &maps->uids, e) < 0)
                return -e->code;
        return check_map(proc, "gid_map", &maps->gids, e);
}
