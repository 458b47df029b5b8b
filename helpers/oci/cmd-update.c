#include "commands.h"

#include "config.h"
#include "container.h"
#include "fd.h"
#include "group.h"
#include "mem.h"
#include "parse.h"
#include "report.h"
#include "str.h"
#include "words.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Options become the JSON that --resources would have had, which config.h judges. */

enum kind {
        KIND_NUMBER, /* from 0 on */
        KIND_LIMIT,  /* or -1 */
        KIND_BYTES,  /* "64m", or -1 */
        KIND_TEXT,
};

static const struct limit {
        const char *option;
        const char *object;
        const char *key;
        enum kind kind;
} limits[] = {
        { "blkio-weight", "blockIO", "weight", KIND_NUMBER },
        { "cpu-burst", "cpu", "burst", KIND_NUMBER },
        { "cpu-idle", "cpu", "idle", KIND_NUMBER },
        { "cpu-period", "cpu", "period", KIND_NUMBER },
        { "cpu-quota", "cpu", "quota", KIND_LIMIT },
        { "cpu-rt-period", "cpu", "realtimePeriod", KIND_NUMBER },
        { "cpu-rt-runtime", "cpu", "realtimeRuntime", KIND_NUMBER },
        { "cpu-share", "cpu", "shares", KIND_NUMBER },
        { "cpuset-cpus", "cpu", "cpus", KIND_TEXT },
        { "cpuset-mems", "cpu", "mems", KIND_TEXT },
        { "kernel-memory", "memory", "kernel", KIND_BYTES },
        { "kernel-memory-tcp", "memory", "kernelTCP", KIND_BYTES },
        { "memory", "memory", "limit", KIND_BYTES },
        { "memory-reservation", "memory", "reservation", KIND_BYTES },
        { "memory-swap", "memory", "swap", KIND_BYTES },
        { "pids-limit", "pids", "limit", KIND_LIMIT },
};

#define N_LIMITS (sizeof(limits) / sizeof(limits[0]))

struct asked {
        const char *file; /* NULL: none */
        const char *values[N_LIMITS];
        const char *id;
};

static int parse(int argc, char **argv, struct asked *a, struct err *e)
{
        struct words_option options[N_LIMITS + 1] = {
                { .name = "resources", .letter = 'r', .value = &a->file },
        };
        const struct words w = {
                .command = argv[0],
                .options = options,
                .n_options = N_LIMITS + 1,
        };
        char **operands;
        size_t n;

        for (size_t i = 0; i < N_LIMITS; i++)
                options[i + 1] =
                        (struct words_option){ .name = limits[i].option, .value = &a->values[i] };
        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0)
                return -e->code;
        a->id = operands[0];
        return 0;
}

static int make_value(const struct limit *limit, const char *text, json_t **ret, struct err *e)
{
        uint64_t value = 0;
        int r = 0;

        if (limit->kind == KIND_TEXT) {
                *ret = json_string(text);
                return *ret ? 0 : err_set(e, EINVAL, "--%s is not UTF-8", limit->option);
        }
        if (limit->kind != KIND_NUMBER && str_eq(text, "-1")) {
                *ret = json_integer(-1);
                return 0;
        }
        if (limit->kind == KIND_BYTES)
                r = parse_size(text, &value, e);
        else
                r = parse_number(text, 0, INT64_MAX, &value, e);
        if (r == 0 && value > INT64_MAX)
                r = err_set(e, ERANGE, "'%.100s' is too much", text);
        if (r < 0)
                return err_prefix(e, "--%s", limit->option);
        *ret = json_integer((json_int_t)value);
        return 0;
}

/* *ret_n is how many options there were. */
static int make_json(const struct asked *a, json_t *all, size_t *ret_n, struct err *e)
{
        *ret_n = 0;
        for (size_t i = 0; i < N_LIMITS; i++) {
                json_t *object = json_object_get(all, limits[i].object);
                json_t *value = NULL;

                if (!a->values[i])
                        continue;
                if (make_value(&limits[i], a->values[i], &value, e) < 0)
                        return -e->code;
                if (!object) {
                        object = json_object();
                        json_object_set_new(all, limits[i].object, object);
                }
                if (json_object_set_new(object, limits[i].key, value) < 0)
                        return err_set(e, ENOMEM, "cannot take --%s", limits[i].option);
                ++*ret_n;
        }
        return 0;
}

static int read_options(const struct asked *a, struct bundle *ret, struct err *e)
{
        json_t *all = json_object();
        char *text = NULL;
        size_t n = 0;

        int r = make_json(a, all, &n, e);
        if (r == 0 && n > 0 && a->file)
                r = err_set(e, EINVAL, "--resources has all limits, no option can be beside it");
        if (r == 0 && n == 0 && !a->file) {
                err_set(e, EINVAL, "no limit is given");
                r = err_hint(e, "kelp-oci update --help lists them");
        }
        if (r == 0 && n > 0) {
                text = json_dumps(all, 0);
                r = text ? config_read_resources_text(text, strlen(text), ret, e)
                         : err_set(e, ENOMEM, "cannot take the limits");
        }
        free(text);
        json_decref(all);
        return r;
}

static int update(const struct container *c, const struct bundle *resources, struct err *e)
{
        __attribute__((cleanup(group_done))) struct group group = GROUP_NONE;
        enum container_status status;

        if (container_get_status(c, &status, e) < 0)
                return -e->code;
        if (status == CONTAINER_STOPPED)
                return err_set(e, EINVAL, "it is stopped");
        if (c->cgroup && group_open(c->cgroup, &group, e) < 0)
                return -e->code;
        return group_update(&group, resources, e);
}

int cmd_update(const struct globals *g, int argc, char **argv, struct err *e)
{
        __attribute__((cleanup(bundle_done))) struct bundle resources = { 0 };
        struct asked a = { NULL };
        autocontainer c = CONTAINER_NONE;
        autofd root = -1;

        if (parse(argc, argv, &a, e) < 0)
                return -e->code;
        if (read_options(&a, &resources, e) < 0 ||
            (a.file && config_read_resources(a.file, &resources, e) < 0))
                return err_prefix(e, "update");
        for (size_t i = 0; i < resources.n_notices; i++)
                report_warning("%s", resources.notices[i]);
        if (container_open_root(g->root, &root, e) < 0 || container_open(root, a.id, &c, e) < 0 ||
            container_lock(&c, e) < 0)
                return -e->code;
        if (update(&c, &resources, e) < 0)
                return err_prefix(e, "cannot update container '%s'", c.id);
        return 0;
}
