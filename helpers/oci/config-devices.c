/* linux.devices and linux.netDevices. */

#include "config-inner.h"
#include "path.h"
#include "str.h"

#include <linux/if.h>
#include <string.h>

/* The kernel has 12 and 20 bits for them. */
#define MAX_MAJOR 4095
#define MAX_MINOR 1048575
#define MAX_ID    4294967294u

static int read_type(const struct field *f, char *ret, struct err *e)
{
        static const struct field_word words[] = {
                { "c", 'c' },
                { "u", 'u' },
                { "b", 'b' },
                { "p", 'p' },
        };
        struct field type = field_member(f, "type");
        uint64_t value = 0;

        if (field_require(&type, e) < 0 ||
            field_word(f, "type", words, FIELD_N_WORDS(words), NULL, &value, e) < 0)
                return -e->code;
        *ret = (char)value;
        return 0;
}

/* A pipe has no numbers. */
static int read_part(const struct field *f, const char *name, const struct bundle_device *d,
                     uint64_t max, unsigned *ret, struct err *e)
{
        struct field member = field_member(f, name);
        uint64_t value = 0;

        if (d->type == 'p')
                return 0;
        if (field_require(&member, e) < 0 || field_number(f, name, 0, max, NULL, &value, e) < 0)
                return -e->code;
        *ret = (unsigned)value;
        return 0;
}

/* Go's tools write the type's bits with it. */
static int read_attributes(const struct field *f, struct bundle_device *d, struct err *e)
{
        uint64_t mode = 0;
        uint64_t uid = 0;
        uint64_t gid = 0;

        if (field_number(f, "fileMode", 0, 0177777, &d->has_mode, &mode, e) < 0 ||
            field_number(f, "uid", 0, MAX_ID, &d->has_uid, &uid, e) < 0 ||
            field_number(f, "gid", 0, MAX_ID, &d->has_gid, &gid, e) < 0)
                return -e->code;
        d->mode = mode & 07777;
        d->uid = (uid_t)uid;
        d->gid = (gid_t)gid;
        return 0;
}

static int read_device(struct bundle *b, const struct field *f, struct bundle_device *d,
                       struct err *e)
{
        struct field path = field_member(f, "path");

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        d->where = field_where(f, &b->plan.arena, e);
        if (!d->where || field_require(&path, e) < 0 ||
            field_copy_path(f, "path", &b->plan.arena, &d->box_path, e) < 0)
                return -e->code;
        d->box_path = path_clean(&b->plan.arena, "/", d->box_path, e);
        if (!d->box_path)
                return field_prefix(&path, e);
        if (str_eq(d->box_path, "/"))
                return field_fail(&path, e, "is no place for a device");
        if (read_type(f, &d->type, e) < 0 ||
            read_part(f, "major", d, MAX_MAJOR, &d->major, e) < 0 ||
            read_part(f, "minor", d, MAX_MINOR, &d->minor, e) < 0)
                return -e->code;
        return read_attributes(f, d, e);
}

int config_devices(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field list;

        if (field_array(lin, "devices", BUNDLE_MAX_DEVICES, &list, e) < 0)
                return -e->code;
        size_t n = field_count(&list);
        b->devices = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*b->devices), e);
        if (!b->devices)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct field f = field_item(&list, i);

                if (read_device(b, &f, &b->devices[i], e) < 0)
                        return -e->code;
        }
        b->n_devices = n;
        return 0;
}

/* ------ network devices ------ */

static int check_device_name(const struct field *f, const char *name, struct err *e)
{
        if (!*name || strlen(name) >= IFNAMSIZ || str_eq(name, ".") || str_eq(name, "..") ||
            strpbrk(name, "/: \t\n"))
                return field_fail_text(f, name, "is no name of a network device", e);
        return 0;
}

static int read_net_device(struct bundle *b, const struct field *f, struct bundle_net_device *d,
                           struct err *e)
{
        struct field name = field_member(f, "name");

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (check_device_name(f, f->name, e) < 0)
                return -e->code;
        d->where = field_where(f, &b->plan.arena, e);
        d->host_name = arena_copy(&b->plan.arena, f->name, e);
        d->box_name = d->host_name;
        if (!d->where || !d->host_name ||
            field_copy_text(f, "name", FIELD_MAX_NAME, &b->plan.arena, &d->box_name, e) < 0)
                return -e->code;
        if (!*d->box_name)
                d->box_name = d->host_name;
        return check_device_name(&name, d->box_name, e);
}

int config_net_devices(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field list;
        const char *key;
        json_t *value;

        if (field_object(lin, "netDevices", &list, e) < 0)
                return -e->code;
        size_t n = json_object_size(list.value);
        if (n > BUNDLE_MAX_DEVICES)
                return field_fail(&list, e, "has more than %d members", BUNDLE_MAX_DEVICES);
        b->net_devices = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*b->net_devices), e);
        if (!b->net_devices)
                return -e->code;
        json_object_foreach((json_t *)list.value, key, value)
        {
                struct field f = { .value = value, .parent = &list, .name = key };

                if (read_net_device(b, &f, &b->net_devices[b->n_net_devices], e) < 0)
                        return -e->code;
                b->n_net_devices++;
        }
        return 0;
}
