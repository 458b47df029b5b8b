/* Id maps, of the container's user namespace and of single mounts. */

#include "config-inner.h"

#define MAX_ID 4294967294u

static int read_id(const struct field *f, const char *name, uint64_t min, uint32_t *ret,
                   struct err *e)
{
        struct field member = field_member(f, name);
        uint64_t value = 0;

        if (field_require(&member, e) < 0 ||
            field_number(f, name, min, MAX_ID, NULL, &value, e) < 0)
                return -e->code;
        *ret = (uint32_t)value;
        return 0;
}

static int read_range(const struct field *f, struct id_map *map, struct err *e)
{
        struct id_range r;

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (read_id(f, "containerID", 0, &r.inner, e) < 0 ||
            read_id(f, "hostID", 0, &r.outer, e) < 0 || read_id(f, "size", 1, &r.count, e) < 0)
                return -e->code;
        struct field size = field_member(f, "size");
        if (r.count > UINT32_MAX - r.inner || r.count > UINT32_MAX - r.outer)
                return field_fail(&size, e, "makes ids above %u", MAX_ID);
        return id_map_add(map, &r, e) < 0 ? field_prefix(f, e) : 0;
}

int config_map(const struct field *object, const char *name, struct id_map *ret, struct err *e)
{
        struct field list;

        if (field_array(object, name, ID_MAP_MAX, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (read_range(&f, ret, e) < 0)
                        return -e->code;
        }
        return 0;
}

int config_both_maps(const struct field *object, struct id_map *ret_uids, struct id_map *ret_gids,
                     struct err *e)
{
        struct field uids = field_member(object, "uidMappings");
        struct field gids = field_member(object, "gidMappings");

        if (config_map(object, "uidMappings", ret_uids, e) < 0 ||
            config_map(object, "gidMappings", ret_gids, e) < 0)
                return -e->code;
        if (ret_uids->n > 0 && ret_gids->n == 0)
                return field_fail(&gids, e, "must be given as 'uidMappings' is");
        if (ret_gids->n > 0 && ret_uids->n == 0)
                return field_fail(&uids, e, "must be given as 'gidMappings' is");
        return 0;
}
