/*
 * linux.resources, whose words are those of cgroup v1, as files of cgroup v2.  The arithmetic is what
 * crun and runc do: engines count on it.
 */

#include "config-inner.h"
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_VALUE 8192

int config_add_line(struct bundle *b, const struct field *f, const char *file, struct err *e,
                    const char *fmt, ...)
{
        struct bundle_group *g = &b->group;
        struct arena *a = &b->plan.arena;
        char value[MAX_VALUE];
        va_list args;

        va_start(args, fmt);
        int len = vsnprintf(value, sizeof(value), fmt, args);
        va_end(args);
        if (len < 0 || (size_t)len >= sizeof(value))
                return field_fail(f, e, "is longer than %d bytes", MAX_VALUE - 1);
        if (arena_grow(a, &g->lines, g->n_lines, sizeof(*g->lines), BUNDLE_MAX_LINES,
                       "limits in linux.resources", e) < 0)
                return -e->code;
        struct bundle_line *line = &g->lines[g->n_lines];
        *line = (struct bundle_line){
                .where = field_where(f, a, e),
                .file = arena_copy(a, file, e),
                .value = arena_copy(a, value, e),
        };
        if (!line->where || !line->file || !line->value)
                return -e->code;
        g->n_lines++;
        return 0;
}

/* ------ one value, one file ------ */

/* Below 0: no limit. */
static int add_limit(struct bundle *b, const struct field *object, const char *name,
                     const char *file, int64_t value, struct err *e)
{
        struct field f = field_member(object, name);

        if (value < 0)
                return config_add_line(b, &f, file, e, "max");
        return config_add_line(b, &f, file, e, "%" PRId64, value);
}

int config_mark_old(struct bundle *b)
{
        b->group.lines[b->group.n_lines - 1].is_old = true;
        return 0;
}

/* A limit of v1 alone; `none` is what it is without one. */
static int add_old(struct bundle *b, const struct field *object, const char *name, int64_t none,
                   const char *file, struct err *e)
{
        struct field f = field_member(object, name);
        int64_t value = none;

        if (field_integer(object, name, -1, INT64_MAX, NULL, &value, e) < 0)
                return -e->code;
        if (value == none)
                return 0;
        if (config_add_line(b, &f, file, e, "%" PRId64, value) < 0)
                return -e->code;
        return config_mark_old(b);
}

/* ------ memory ------ */

struct memory {
        bool has_limit;
        bool has_swap;
        bool has_reservation;
        int64_t limit;
        int64_t swap;
        int64_t reservation;
};

/* `swap` is memory and swap together in v1, swap alone in v2; 0 and -1 are what they are. */
static int add_swap(struct bundle *b, const struct field *memory, const struct memory *m,
                    struct err *e)
{
        struct field f = field_member(memory, "swap");

        if (!m->has_swap)
                return 0;
        if (m->swap <= 0)
                return add_limit(b, memory, "swap", "memory.swap.max", m->swap, e);
        if (!m->has_limit || m->limit <= 0)
                return field_fail(&f, e, "needs a 'limit' of memory");
        if (m->swap < m->limit)
                return field_fail(&f, e, "must not be below 'limit': it is memory and swap");
        return add_limit(b, memory, "swap", "memory.swap.max", m->swap - m->limit, e);
}

static int add_old_memory(struct bundle *b, const struct field *memory, struct err *e)
{
        struct field oom = field_member(memory, "disableOOMKiller");
        struct field f = field_member(memory, "useHierarchy");
        bool is_hierarchy = true;
        bool is_off = false;
        uint64_t swappiness;

        if (field_number(memory, "swappiness", 0, 100, NULL, &swappiness, e) < 0 ||
            add_old(b, memory, "kernel", -1, "memory.kmem.limit_in_bytes", e) < 0 ||
            add_old(b, memory, "kernelTCP", -1, "memory.kmem.tcp.limit_in_bytes", e) < 0 ||
            add_old(b, memory, "swappiness", -1, "memory.swappiness", e) < 0 ||
            field_bool(memory, "disableOOMKiller", &is_off, e) < 0 ||
            field_bool(memory, "useHierarchy", &is_hierarchy, e) < 0)
                return -e->code;
        if (is_off && config_add_line(b, &oom, "memory.oom_control", e, "1") < 0)
                return -e->code;
        if (is_off)
                config_mark_old(b);
        return is_hierarchy ? 0 : config_ignore(b, &f, "version 2 of cgroups always has it", e);
}

static int read_memory(struct bundle *b, const struct field *resources, struct err *e)
{
        struct memory m = { 0 };
        struct field memory;

        if (field_object(resources, "memory", &memory, e) < 0 ||
            field_integer(&memory, "limit", -1, INT64_MAX, &m.has_limit, &m.limit, e) < 0 ||
            field_integer(&memory, "swap", -1, INT64_MAX, &m.has_swap, &m.swap, e) < 0 ||
            field_integer(&memory, "reservation", -1, INT64_MAX, &m.has_reservation, &m.reservation,
                          e) < 0 ||
            field_bool(&memory, "checkBeforeUpdate", &b->group.checks_usage, e) < 0)
                return -e->code;
        if (m.has_limit && add_limit(b, &memory, "limit", "memory.max", m.limit, e) < 0)
                return -e->code;
        if (add_swap(b, &memory, &m, e) < 0)
                return -e->code;
        if (m.has_reservation &&
            add_limit(b, &memory, "reservation", "memory.low", m.reservation, e) < 0)
                return -e->code;
        return add_old_memory(b, &memory, e);
}

/* ------ processors ------ */

/* Shares, from 2 to 262144, become a weight from 1 to 10000. */
static uint64_t weigh_shares(uint64_t shares)
{
        if (shares < 2)
                shares = 2;
        if (shares > 262144)
                shares = 262144;
        return 1 + (shares - 2) * 9999 / 262142;
}

static int read_shares(struct bundle *b, const struct field *cpu, struct err *e)
{
        struct field f = field_member(cpu, "shares");
        uint64_t shares = 0;

        if (field_number(cpu, "shares", 0, UINT64_MAX, NULL, &shares, e) < 0)
                return -e->code;
        return shares == 0
                       ? 0
                       : config_add_line(b, &f, "cpu.weight", e, "%" PRIu64, weigh_shares(shares));
}

static int add_quota(struct bundle *b, const struct field *cpu, int64_t quota, uint64_t period,
                     struct err *e)
{
        struct field f = field_member(cpu, quota != 0 ? "quota" : "period");

        /* 0 of either is "not given" */
        if (quota > 0)
                return config_add_line(b, &f, "cpu.max", e, "%" PRId64 " %" PRIu64, quota,
                                       period ? period : 100000);
        if (period > 0)
                return config_add_line(b, &f, "cpu.max", e, "max %" PRIu64, period);
        return quota < 0 ? config_add_line(b, &f, "cpu.max", e, "max") : 0;
}

static int read_quota(struct bundle *b, const struct field *cpu, struct err *e)
{
        struct field f = field_member(cpu, "burst");
        uint64_t burst = 0;
        uint64_t period = 0;
        int64_t quota = 0;
        bool has_burst;

        if (field_integer(cpu, "quota", -1, INT64_MAX, NULL, &quota, e) < 0 ||
            field_number(cpu, "period", 0, INT64_MAX, NULL, &period, e) < 0 ||
            field_number(cpu, "burst", 0, INT64_MAX, &has_burst, &burst, e) < 0)
                return -e->code;
        if (quota > 0 && burst > (uint64_t)quota)
                return field_fail(&f, e, "must not be above 'quota'");
        if (add_quota(b, cpu, quota, period, e) < 0)
                return -e->code;
        return has_burst ? config_add_line(b, &f, "cpu.max.burst", e, "%" PRIu64, burst) : 0;
}

static int read_idle(struct bundle *b, const struct field *cpu, struct err *e)
{
        struct field f = field_member(cpu, "idle");
        int64_t idle = 0;
        bool is_set;

        if (field_integer(cpu, "idle", 0, 1, &is_set, &idle, e) < 0)
                return -e->code;
        return is_set ? config_add_line(b, &f, "cpu.idle", e, "%" PRId64, idle) : 0;
}

static int read_set(struct bundle *b, const struct field *cpu, const char *name, const char *file,
                    struct err *e)
{
        struct field f = field_member(cpu, name);
        const char *text = NULL;

        if (field_text(cpu, name, FIELD_MAX_PATH, &text, e) < 0)
                return -e->code;
        if (!text || !*text)
                return 0;
        if (!config_is_number_list(text))
                return field_fail_text(&f, text, "is not a list as 0-3,7", e);
        return config_add_line(b, &f, file, e, "%s", text);
}

static int read_cpu(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field cpu;

        if (field_object(resources, "cpu", &cpu, e) < 0 || read_shares(b, &cpu, e) < 0 ||
            read_idle(b, &cpu, e) < 0 || read_quota(b, &cpu, e) < 0 ||
            read_set(b, &cpu, "cpus", "cpuset.cpus", e) < 0 ||
            read_set(b, &cpu, "mems", "cpuset.mems", e) < 0 ||
            add_old(b, &cpu, "realtimePeriod", 0, "cpu.rt_period_us", e) < 0)
                return -e->code;
        return add_old(b, &cpu, "realtimeRuntime", 0, "cpu.rt_runtime_us", e);
}

/* ------ the rest ------ */

/* 0 has always been "none" to engines. */
static int read_pids(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field pids;
        int64_t limit = 0;

        if (field_object(resources, "pids", &pids, e) < 0 || !pids.value)
                return pids.value ? -e->code : 0;
        struct field f = field_member(&pids, "limit");
        if (field_require(&f, e) < 0 ||
            field_integer(&pids, "limit", -1, INT64_MAX, NULL, &limit, e) < 0)
                return -e->code;
        return limit == 0 ? 0 : add_limit(b, &pids, "limit", "pids.max", limit, e);
}

static bool is_page_size(const char *text)
{
        size_t n = strspn(text, "0123456789");

        return n > 0 && text[0] != '0' && n < 10 && text[n] && strchr("KMG", text[n]) &&
               str_eq(text + n + 1, "B");
}

static int read_huge(struct bundle *b, const struct field *f, struct err *e)
{
        struct field size = field_member(f, "pageSize");
        struct field limit = field_member(f, "limit");
        const char *text = "";
        uint64_t value = 0;
        char file[64];

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (field_require(&size, e) < 0 || field_as_text(&size, FIELD_MAX_TEXT, &text, e) < 0 ||
            field_require(&limit, e) < 0 ||
            field_number(f, "limit", 0, UINT64_MAX, NULL, &value, e) < 0)
                return -e->code;
        if (!is_page_size(text))
                return field_fail_text(&size, text, "is not a size as 2MB", e);
        snprintf(file, sizeof(file), "hugetlb.%s.max", text);
        return config_add_line(b, &limit, file, e, "%" PRIu64, value);
}

static int read_huge_pages(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field list;

        if (field_array(resources, "hugepageLimits", 100, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (read_huge(b, &f, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int read_rdma_device(struct bundle *b, const struct field *f, struct err *e)
{
        uint64_t handles = 0;
        uint64_t objects = 0;
        bool has_handles;
        bool has_objects;
        char text[80] = "";

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (strlen(f->name) > 64 || strpbrk(f->name, " \n\t") || !*f->name)
                return field_fail(f, e, "is no name of a device");
        if (field_number(f, "hcaHandles", 0, UINT32_MAX, &has_handles, &handles, e) < 0 ||
            field_number(f, "hcaObjects", 0, UINT32_MAX, &has_objects, &objects, e) < 0)
                return -e->code;
        if (!has_handles && !has_objects)
                return field_fail(f, e, "must have 'hcaHandles' or 'hcaObjects'");
        if (has_handles)
                snprintf(text, sizeof(text), " hca_handle=%" PRIu64, handles);
        if (has_objects)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), " hca_object=%" PRIu64,
                         objects);
        return config_add_line(b, f, "rdma.max", e, "%s%s", f->name, text);
}

static int read_rdma(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field list;
        const char *key;
        json_t *value;

        if (field_object(resources, "rdma", &list, e) < 0)
                return -e->code;
        json_object_foreach((json_t *)list.value, key, value)
        {
                struct field f = { .value = value, .parent = &list, .name = key };

                if (read_rdma_device(b, &f, e) < 0)
                        return -e->code;
        }
        return 0;
}

int config_resources(struct bundle *b, const struct field *resources, struct err *e)
{
        if (read_memory(b, resources, e) < 0 || read_pids(b, resources, e) < 0 ||
            read_cpu(b, resources, e) < 0 || config_block_io(b, resources, e) < 0 ||
            read_huge_pages(b, resources, e) < 0 || read_rdma(b, resources, e) < 0 ||
            config_old_resources(b, resources, e) < 0)
                return -e->code;
        return config_unified(b, resources, e);
}
