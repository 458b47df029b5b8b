#include "userns.h"

#include "fd.h"
#include "io.h"
#include "proc.h"
#include "subids.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static int add_subids(const struct host_view *v, struct id_map *map, const char *file,
                      struct err *e)
{
        struct host_subids subids = { 0 };

        if (host_subids_read(v, file, &subids, e) < 0)
                return -e->code;
        return id_map_add_subids(map, &subids, file, e);
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

int userns_choose_maps(const struct plan *p, struct id_maps *ret, struct err *e)
{
        struct id_maps maps = { 0 };

        userns_single_maps(p, &maps);
        if (p->ids.mode == PLAN_USERNS_SUBIDS) {
                if (choose_subids(&maps, e) < 0)
                        return err_prefix(e, "--userns subids");
        } else if (p->ids.mode == PLAN_USERNS_AUTO && p->root == PLAN_ROOT_IMAGE) {
                if (choose_subids(&maps, &maps.fallback) < 0)
                        userns_single_maps(p, &maps);
        }
        *ret = maps;
        return 0;
}

static size_t print_map(char *text, size_t size, const struct id_map *map)
{
        size_t used = 0;

        for (size_t i = 0; i < map->n && used < size; i++)
                used += (size_t)snprintf(text + used, size - used, "%u %u %u\n",
                                         map->ranges[i].inner, map->ranges[i].outer,
                                         map->ranges[i].count);
        return used;
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
        char text[ID_MAP_MAX * 40];
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
        char text[ID_MAP_MAX * 40];

        if (io_write_file(proc, "setgroups", "deny", e) < 0)
                return -e->code;
        print_map(text, sizeof(text), &maps->gids);
        if (io_write_file(proc, "gid_map", text, e) < 0)
                return -e->code;
        print_map(text, sizeof(text), &maps->uids);
        return io_write_file(proc, "uid_map", text, e);
}

struct helper_args {
        char numbers[1 + 3 * ID_MAP_MAX][12];
        const char *argv[3 + 3 * ID_MAP_MAX];
};

static void fill_args(struct helper_args *args, const char *path, pid_t pid,
                      const struct id_map *map)
{
        size_t n = 0;

        snprintf(args->numbers[0], sizeof(args->numbers[0]), "%d", (int)pid);
        for (size_t i = 0; i < map->n; i++) {
                const uint32_t values[] = { map->ranges[i].inner, map->ranges[i].outer,
                                            map->ranges[i].count };

                for (size_t k = 0; k < 3; k++)
                        snprintf(args->numbers[1 + 3 * i + k], sizeof(args->numbers[0]), "%u",
                                 values[k]);
        }
        args->argv[n++] = path;
        for (size_t i = 0; i < 1 + 3 * map->n; i++)
                args->argv[n++] = args->numbers[i];
        args->argv[n] = NULL;
}

static int start_helper(const char *path, pid_t pid, const struct id_map *map,
                        struct child *ret_child, struct err *e)
{
        struct helper_args args;
        struct proc_spec spec = {
                .path = path, .argv = args.argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
        };

        fill_args(&args, path, pid, map);
        return proc_start(&spec, ret_child, e);
}

static int end_helper(struct child *child, const char *path, struct err *e)
{
        int status = 0;

        if (proc_wait(child, &status, e) < 0)
                return -e->code;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        err_set(e, EPERM, "'%s' refused the map (%s %d)", path,
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        return err_hint(e, "kelp doctor tells what is wrong with subordinate ids; --userns single "
                           "needs none");
}

/* Each takes about 3 ms: side by side. */
static int write_by_helpers(pid_t pid, const struct id_maps *maps, struct err *e)
{
        autochild uid_child = CHILD_NONE;
        autochild gid_child = CHILD_NONE;

        if (start_helper(maps->newuidmap, pid, &maps->uids, &uid_child, e) < 0 ||
            start_helper(maps->newgidmap, pid, &maps->gids, &gid_child, e) < 0)
                return -e->code;
        if (end_helper(&uid_child, maps->newuidmap, e) < 0)
                return -e->code;
        return end_helper(&gid_child, maps->newgidmap, e);
}

int userns_write_maps(int proc, pid_t pid, const struct id_maps *maps, struct err *e)
{
        return maps->by_helper ? write_by_helpers(pid, maps, e) : write_direct(proc, maps, e);
}

int userns_check_maps(int proc, const struct id_maps *maps, struct err *e)
{
        if (check_map(proc, "uid_map", &maps->uids, e) < 0)
                return -e->code;
        return check_map(proc, "gid_map", &maps->gids, e);
}
