#include "id-map.h"

#include <errno.h>

void id_map_single(struct id_map *map, uint32_t inner, uint32_t outer)
{
        map->ranges[0] = (struct id_range){ .inner = inner, .outer = outer, .count = 1 };
        map->n = 1;
}

bool id_map_has(const struct id_map *map, uint32_t inner)
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

static int add_range(struct id_map *map, const struct host_subid *subid, const char *file,
                     struct err *e)
{
        const struct id_range *last = &map->ranges[map->n - 1];
        bool is_behind_root = map->ranges[0].inner == 0;
        uint32_t inner = is_behind_root ? last->inner + last->count : subid->start;

        if (map->n == ID_MAP_MAX)
                return err_set(e, E2BIG, "'/%s' has more than %d ranges for you", file,
                               ID_MAP_MAX - 1);
        for (size_t i = 0; i < map->n; i++) {
                const struct id_range *r = &map->ranges[i];

                if (overlaps(r->outer, r->count, subid->start, subid->count) ||
                    overlaps(r->inner, r->count, inner, subid->count))
                        return err_set(e, EINVAL, "the range %u:%u in '/%s' overlaps another one",
                                       subid->start, subid->count, file);
        }
        map->ranges[map->n++] = (struct id_range){ inner, subid->start, subid->count };
        return 0;
}

int id_map_add_subids(struct id_map *map, const struct host_subids *subids, const char *file,
                      struct err *e)
{
        if (subids->bad_line > 0)
                return err_set(e, EINVAL, "line %u of '/%s' is no range of ids", subids->bad_line,
                               file);
        if (subids->n == 0)
                return err_set(e, ENOENT, "'/%s' gives you no subordinate ids", file);
        for (size_t i = 0; i < subids->n; i++) {
                if (add_range(map, &subids->ranges[i], file, e) < 0)
                        return -e->code;
        }
        return 0;
}
