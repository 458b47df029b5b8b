/* linux.resources.blockIO as io.max and the weights of cgroup v2. */

#include "config-inner.h"

#include <inttypes.h>
#include <stdio.h>

#define MAX_MAJOR 4095
#define MAX_MINOR 1048575

/*
 * bfq has weights from 1 to 1000, as v1 had them from 10 on; where it is not, io.weight goes from 1
 * to 10000.
 */
static uint64_t stretch_weight(uint64_t weight)
{
        return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static int add_weight(struct bundle *b, const struct field *f, const char *device, uint64_t weight,
                      struct err *e)
{
        if (config_add_line(b, f, "io.bfq.weight", e, "%s%" PRIu64, device, weight) < 0)
                return -e->code;
        struct bundle_line *line = &b->group.lines[b->group.n_lines - 1];
        line->other_file = "io.weight";
        line->other_value =
                arena_print(&b->plan.arena, e, "%s%" PRIu64, device, stretch_weight(weight));
        return line->other_value ? 0 : -e->code;
}

static int read_weight(const struct field *object, const char *name, bool *ret_has, uint64_t *ret,
                       struct err *e)
{
        struct field f = field_member(object, name);

        if (field_number(object, name, 0, 1000, ret_has, ret, e) < 0)
                return -e->code;
        if (*ret > 0 && *ret < 10)
                return field_fail(&f, e, "must be 0 or from 10 to 1000");
        *ret_has = *ret > 0;
        return 0;
}

/* v2 knows no leaves. */
static int read_leaf(struct bundle *b, const struct field *object, const char *device,
                     const char *file, bool *ret_has, struct err *e)
{
        struct field f = field_member(object, "leafWeight");
        uint64_t weight = 0;

        if (read_weight(object, "leafWeight", ret_has, &weight, e) < 0)
                return -e->code;
        if (!*ret_has)
                return 0;
        if (config_add_line(b, &f, file, e, "%s%" PRIu64, device, weight) < 0)
                return -e->code;
        return config_mark_old(b);
}

#define MAX_DEVICE 32

/* "8:16 " */
static int read_device(const struct field *f, char ret[MAX_DEVICE], struct err *e)
{
        struct field major = field_member(f, "major");
        struct field minor = field_member(f, "minor");
        uint64_t numbers[2] = { 0, 0 };

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (field_require(&major, e) < 0 || field_require(&minor, e) < 0 ||
            field_number(f, "major", 0, MAX_MAJOR, NULL, &numbers[0], e) < 0 ||
            field_number(f, "minor", 0, MAX_MINOR, NULL, &numbers[1], e) < 0)
                return -e->code;
        snprintf(ret, MAX_DEVICE, "%" PRIu64 ":%" PRIu64 " ", numbers[0], numbers[1]);
        return 0;
}

static int read_weight_device(struct bundle *b, const struct field *f, struct err *e)
{
        struct field member = field_member(f, "weight");
        char device[MAX_DEVICE];
        uint64_t weight = 0;
        bool has_weight;
        bool has_leaf;

        if (read_device(f, device, e) < 0 ||
            read_weight(f, "weight", &has_weight, &weight, e) < 0 ||
            (has_weight && add_weight(b, &member, device, weight, e) < 0) ||
            read_leaf(b, f, device, "blkio.leaf_weight_device", &has_leaf, e) < 0)
                return -e->code;
        return has_weight || has_leaf ? 0 : field_fail(f, e, "must have 'weight' or 'leafWeight'");
}

static int read_throttle(struct bundle *b, const struct field *f, const char *key, struct err *e)
{
        struct field rate = field_member(f, "rate");
        char device[MAX_DEVICE];
        uint64_t value = 0;

        if (read_device(f, device, e) < 0 || field_require(&rate, e) < 0 ||
            field_number(f, "rate", 0, UINT64_MAX, NULL, &value, e) < 0)
                return -e->code;
        /* 0 took a limit of v1 away */
        if (value == 0)
                return config_add_line(b, &rate, "io.max", e, "%s%s=max", device, key);
        return config_add_line(b, &rate, "io.max", e, "%s%s=%" PRIu64, device, key, value);
}

static int read_throttles(struct bundle *b, const struct field *io, const char *name,
                          const char *key, struct err *e)
{
        struct field list;

        if (field_array(io, name, BUNDLE_MAX_LINES, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (read_throttle(b, &f, key, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int read_weights(struct bundle *b, const struct field *io, struct err *e)
{
        struct field member = field_member(io, "weight");
        struct field list;
        uint64_t weight = 0;
        bool is_set;

        if (read_weight(io, "weight", &is_set, &weight, e) < 0 ||
            (is_set && add_weight(b, &member, "", weight, e) < 0) ||
            read_leaf(b, io, "", "blkio.leaf_weight", &is_set, e) < 0 ||
            field_array(io, "weightDevice", BUNDLE_MAX_LINES, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (read_weight_device(b, &f, e) < 0)
                        return -e->code;
        }
        return 0;
}

int config_block_io(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field io;

        if (field_object(resources, "blockIO", &io, e) < 0 || read_weights(b, &io, e) < 0 ||
            read_throttles(b, &io, "throttleReadBpsDevice", "rbps", e) < 0 ||
            read_throttles(b, &io, "throttleWriteBpsDevice", "wbps", e) < 0 ||
            read_throttles(b, &io, "throttleReadIOPSDevice", "riops", e) < 0)
                return -e->code;
        return read_throttles(b, &io, "throttleWriteIOPSDevice", "wiops", e);
}
