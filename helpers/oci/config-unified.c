/* linux.resources: files of cgroup v2 by name, and what has become of v1's networks and devices. */

#include "config-inner.h"
#include "str.h"

#include <inttypes.h>
#include <string.h>

/* ------ unified ------ */

static int add_file(struct bundle *b, const struct field *f, struct err *e)
{
        const char *text = "";

        if (!strchr(f->name, '.') || f->name[0] == '.' || strchr(f->name, '/') ||
            strlen(f->name) > FIELD_MAX_NAME)
                return field_fail(f, e, "is no file of a cgroup, as pids.max");
        if (field_as_text(f, FIELD_MAX_PATH, &text, e) < 0)
                return -e->code;
        /* a file takes one line at a time */
        while (*text) {
                size_t len = strcspn(text, "\n");

                if (len > 0 && config_add_line(b, f, f->name, e, "%.*s", (int)len, text) < 0)
                        return -e->code;
                text += len + (text[len] == '\n');
        }
        return 0;
}

int config_unified(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field list;
        const char *key;
        json_t *value;

        if (field_object(resources, "unified", &list, e) < 0)
                return -e->code;
        json_object_foreach((json_t *)list.value, key, value)
        {
                struct field f = { .value = value, .parent = &list, .name = key };

                if (add_file(b, &f, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* ------ network ------ */

static int read_priority(struct bundle *b, const struct field *f, struct err *e)
{
        struct field name = field_member(f, "name");
        struct field priority = field_member(f, "priority");
        const char *text = "";
        uint64_t value = 0;

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (field_require(&name, e) < 0 || field_as_text(&name, FIELD_MAX_NAME, &text, e) < 0 ||
            field_require(&priority, e) < 0 ||
            field_number(f, "priority", 0, UINT32_MAX, NULL, &value, e) < 0)
                return -e->code;
        if (config_add_line(b, f, "net_prio.ifpriomap", e, "%s %" PRIu64, text, value) < 0)
                return -e->code;
        return config_mark_old(b);
}

static int read_network(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field network;
        struct field list;
        uint64_t class = 0;
        bool is_set;

        if (field_object(resources, "network", &network, e) < 0 ||
            field_number(&network, "classID", 0, UINT32_MAX, &is_set, &class, e) < 0 ||
            field_array(&network, "priorities", 100, &list, e) < 0)
                return -e->code;
        struct field f = field_member(&network, "classID");
        if (class != 0 && config_add_line(b, &f, "net_cls.classid", e, "%" PRIu64, class) < 0)
                return -e->code;
        if (class != 0)
                config_mark_old(b);
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field priority = field_item(&list, i);

                if (read_priority(b, &priority, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* ------ devices ------ */

static int check_device(const struct field *f, struct err *e)
{
        static const struct field_word words[] = { { "a", 0 }, { "b", 0 }, { "c", 0 }, { "", 0 } };
        struct field allow = field_member(f, "allow");
        struct field access = field_member(f, "access");
        const char *text = "";
        uint64_t type;
        int64_t number;
        bool on;

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (field_require(&allow, e) < 0 || field_bool(f, "allow", &on, e) < 0 ||
            field_word(f, "type", words, FIELD_N_WORDS(words), NULL, &type, e) < 0 ||
            field_integer(f, "major", -1, UINT32_MAX, NULL, &number, e) < 0 ||
            field_integer(f, "minor", -1, UINT32_MAX, NULL, &number, e) < 0 ||
            field_text(f, "access", FIELD_MAX_NAME, &text, e) < 0)
                return -e->code;
        return text[strspn(text, "rwm")]
                       ? field_fail_text(&access, text, "has something else than r, w and m", e)
                       : 0;
}

static int check_devices(struct bundle *b, const struct field *resources, struct err *e)
{
        struct field list;

        if (field_array(resources, "devices", 10000, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (check_device(&f, e) < 0)
                        return -e->code;
        }
        b->group.has_devices = field_count(&list) > 0;
        return 0;
}

int config_old_resources(struct bundle *b, const struct field *resources, struct err *e)
{
        if (read_network(b, resources, e) < 0)
                return -e->code;
        return check_devices(b, resources, e);
}
