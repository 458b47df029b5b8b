#include "doc.h"

#include "limit.h"

#include <errno.h>
#include <string.h>

json_t *doc_parse(const char *data, size_t len, const char *what, struct err *e)
{
        static const struct json_text_limits limits = { .bytes = LIMIT_JSON,
                                                        .depth = LIMIT_JSON_DEPTH,
                                                        .values = LIMIT_JSON_VALUES };

        return json_text_parse(data, len, &limits, what, e);
}

int doc_write(const json_t *doc, char **ret, struct err *e)
{
        char *text = json_dumps(doc, JSON_COMPACT);

        if (!text)
                return err_set(e, ENOMEM, "cannot write a JSON document");
        *ret = text;
        return 0;
}

static int wrong_type(const char *what, const char *member, const char *wanted, struct err *e)
{
        return err_set(e, EINVAL, "'%s' of %s is not %s", member, what, wanted);
}

static const json_t *get(const json_t *object, const char *member)
{
        const json_t *value = json_object_get(object, member);

        return json_is_null(value) ? NULL : value;
}

int doc_string(const json_t *object, const char *member, const char *what, const char **ret,
               struct err *e)
{
        const json_t *value = get(object, member);

        if (value && !json_is_string(value))
                return wrong_type(what, member, "a string", e);
        *ret = json_string_value(value);
        return 0;
}

int doc_required_string(const json_t *object, const char *member, const char *what,
                        const char **ret, struct err *e)
{
        if (doc_string(object, member, what, ret, e) < 0)
                return -e->code;
        if (!*ret)
                return err_set(e, EINVAL, "%s has no '%s'", what, member);
        return 0;
}

int doc_object(const json_t *object, const char *member, const char *what, const json_t **ret,
               struct err *e)
{
        const json_t *value = get(object, member);

        if (value && !json_is_object(value))
                return wrong_type(what, member, "an object", e);
        *ret = value;
        return 0;
}

int doc_array(const json_t *object, const char *member, const char *what, const json_t **ret,
              struct err *e)
{
        const json_t *value = get(object, member);

        if (value && !json_is_array(value))
                return wrong_type(what, member, "an array", e);
        *ret = value;
        return 0;
}

int doc_size(const json_t *object, const char *what, uint64_t *ret, struct err *e)
{
        const json_t *value = get(object, "size");

        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return wrong_type(what, "size", "a number of bytes", e);
        *ret = (uint64_t)json_integer_value(value);
        return 0;
}

int doc_check_schema(const json_t *object, const char *what, struct err *e)
{
        const json_t *version = get(object, "schemaVersion");

        if (!json_is_integer(version) || json_integer_value(version) != 2)
                return wrong_type(what, "schemaVersion", "2", e);
        return 0;
}
