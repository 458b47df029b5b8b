#include "id-map.h"

#include "cpu.h"
#include "parse.h"
#include "path.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void id_map_single(struct id_map *map, uint32_t inner, uint32_t outer)
{
        map->ranges[0] = (struct id_range){ .inner = inner, .outer = outer, .count = 1 };
        map->n = 1;
}

bool id_map_has(const struct id_map *map, uint64_t inner)
{
        for (size_t i = 0; i < map->n; i++) {
                const struct id_range *r = &map->ranges[i];

                if (inner >= r->inner && inner - r->inner < r->count)
                        return true;
        }
        return false;
}

static bool overlaps(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
        return a < b ? b - a < a_count : a - b < b_count;
}

int id_map_add(struct id_map *map, const struct id_range *range, struct err *e)
{
        if (map->n == ID_MAP_MAX)
                return err_set(e, E2BIG, "more than %d ranges of ids", ID_MAP_MAX);
        for (size_t i = 0; i < map->n; i++) {
                const struct id_range *r = &map->ranges[i];

                if (overlaps(r->outer, r->count, range->outer, range->count) ||
                    overlaps(r->inner, r->count, range->inner, range->count))
                        return err_set(e, EINVAL, "the range %u:%u overlaps another one",
                                       range->outer, range->count);
        }
        map->ranges[map->n++] = *range;
        return 0;
}

/* ------ as text ------ */

static size_t print_ranges(const struct id_map *map, char *text, size_t size, bool is_list)
{
        size_t used = 0;

        text[0] = '\0';
        for (size_t i = 0; i < map->n && used < size; i++) {
                const struct id_range *r = &map->ranges[i];

                if (is_list)
                        used += (size_t)snprintf(text + used, size - used, "%s%u:%u:%u",
                                                 i ? "," : "", r->inner, r->outer, r->count);
                else
                        used += (size_t)snprintf(text + used, size - used, "%u %u %u\n", r->inner,
                                                 r->outer, r->count);
        }
        return used;
}

size_t id_map_print(const struct id_map *map, char *text, size_t size)
{
        return print_ranges(map, text, size, false);
}

void id_maps_print(const struct id_maps *maps, char *text, size_t size)
{
        char uids[ID_MAP_TEXT_MAX];
        char gids[ID_MAP_TEXT_MAX];

        print_ranges(&maps->uids, uids, sizeof(uids), true);
        print_ranges(&maps->gids, gids, sizeof(gids), true);
        snprintf(text, size, "uids = %s\ngids = %s\nnewuidmap = %s\nnewgidmap = %s\n", uids, gids,
                 maps->newuidmap, maps->newgidmap);
}

static int parse_id(char **at, char separator, uint64_t min, uint32_t *ret, struct err *e)
{
        const char *field = str_next_field(at, separator);
        uint64_t value = 0;

        if (!field)
                return err_set(e, EINVAL, "a range of ids is not INNER:OUTER:COUNT");
        if (parse_number(field, min, UINT32_MAX - 1, &value, e) < 0)
                return -e->code;
        *ret = (uint32_t)value;
        return 0;
}

static int parse_ranges(char *text, struct id_map *ret, struct err *e)
{
        for (char *at = text, *one; (one = str_next_field(&at, ','));) {
                struct id_range r;

                if (parse_id(&one, ':', 0, &r.inner, e) < 0 ||
                    parse_id(&one, ':', 0, &r.outer, e) < 0 ||
                    parse_id(&one, ':', 1, &r.count, e) < 0)
                        return -e->code;
                if (one || UINT32_MAX - r.count < r.inner || UINT32_MAX - r.count < r.outer)
                        return err_set(e, EINVAL, "a range of ids is not INNER:OUTER:COUNT");
                if (id_map_add(ret, &r, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int next_value(char **at, const char *key, char **ret, struct err *e)
{
        char *line = str_next_field(at, '\n');
        size_t len = strlen(key);

        if (!line || !str_has_prefix(line, key) || !str_has_prefix(line + len, " = "))
                return err_set(e, EINVAL, "'%s = ...' is missing", key);
        *ret = line + len + 3;
        return 0;
}

static int next_ranges(char **at, const char *key, struct id_map *ret, struct err *e)
{
        char *value;

        if (next_value(at, key, &value, e) < 0)
                return -e->code;
        return parse_ranges(value, ret, e);
}

static int next_path(char **at, const char *key, char *ret, struct err *e)
{
        char *value;

        if (next_value(at, key, &value, e) < 0)
                return -e->code;
        if (strlen(value) >= PATH_MAX || !path_is_clean(value))
                return err_set(e, EINVAL, "'%.100s' is not a clean path", value);
        memcpy(ret, value, strlen(value) + 1);
        return 0;
}

int id_maps_parse(char *text, struct id_maps *ret, struct err *e)
{
        char *at = text;

        *ret = (struct id_maps){ .by_helper = true };
        if (next_ranges(&at, "uids", &ret->uids, e) < 0 ||
            next_ranges(&at, "gids", &ret->gids, e) < 0 ||
            next_path(&at, "newuidmap", ret->newuidmap, e) < 0 ||
            next_path(&at, "newgidmap", ret->newgidmap, e) < 0)
                return -e->code;
        if (at && *at)
                return err_set(e, EINVAL, "'%.60s' stands behind the maps", at);
        return 0;
}

static bool has_range(const struct id_map *map, const struct id_range *range)
{
        for (size_t i = 0; i < map->n; i++) {
                const struct id_range *r = &map->ranges[i];
                uint32_t from = range->inner - r->inner;

                if (range->inner >= r->inner && from < r->count && r->outer + from == range->outer)
                        return range->count <= r->count - from;
        }
        return false;
}

static bool contains(const struct id_map *map, const struct id_map *old)
{
        for (size_t i = 0; i < old->n; i++) {
                if (!has_range(map, &old->ranges[i]))
                        return false;
        }
        return true;
}

bool id_maps_contain(const struct id_maps *new_maps, const struct id_maps *old)
{
        return contains(&new_maps->uids, &old->uids) && contains(&new_maps->gids, &old->gids);
}

/* ------ newuidmap and newgidmap ------ */

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

/* In the child, which nobody can move any more once it is a setuid program. */
static int leave_parent(void *arg, struct err *e)
{
        (void)e;
        cpu_leave(arg);
        return 0;
}

static void fill_helper(struct proc_spec *spec, struct helper_args *args, const char *path,
                        pid_t pid, const struct id_map *map)
{
        fill_args(args, path, pid, map);
        *spec = (struct proc_spec){
                .path = path, .argv = args->argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
        };
}

/* Each takes about 2 ms: side by side, on two processors. */
static int start_both(pid_t pid, const struct id_maps *maps, struct child children[2],
                      struct err *e)
{
        struct helper_args args[2];
        struct proc_spec specs[2];
        struct cpu_choice others;

        fill_helper(&specs[0], &args[0], maps->newuidmap, pid, &maps->uids);
        fill_helper(&specs[1], &args[1], maps->newgidmap, pid, &maps->gids);
        if (!maps->newuidmap[0])
                return proc_start(&specs[1], &children[1], e);
        if (!maps->newgidmap[0])
                return proc_start(&specs[0], &children[0], e);
        cpu_choose_others(&others);
        specs[0].prepare = leave_parent;
        specs[0].prepare_arg = &others;
        return proc_start_pair(specs, children, e);
}

static int end_helper(struct child *child, const char *path, struct err *e)
{
        int status = 0;

        if (child->pid == 0)
                return 0;
        if (proc_wait(child, &status, e) < 0)
                return -e->code;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        /* not EPERM, by which the kernel refuses a map: the caller looks for what is wrong */
        return err_set(e, EIO, "'%s' refused the map (%s %d)", path,
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int id_maps_write(pid_t pid, const struct id_maps *maps, struct err *e)
{
        struct child children[2] = { CHILD_NONE, CHILD_NONE };

        if (!maps->newuidmap[0] && !maps->newgidmap[0])
                return 0;
        if (start_both(pid, maps, children, e) < 0)
                return -e->code;
        autochild uid_child = children[0];
        autochild gid_child = children[1];
        if (end_helper(&uid_child, maps->newuidmap, e) < 0)
                return -e->code;
        return end_helper(&gid_child, maps->newgidmap, e);
}
