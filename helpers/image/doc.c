#include "doc.h"

#include "limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct measure {
        unsigned depth;
        unsigned values;
        bool is_in_string;
};

static int measure_byte(struct measure *m, char c, const char *what, struct err *e)
{
        switch (c) {
        case '"':
                m->is_in_string = true;
                return 0;
        case '[':
        case '{':
                m->values++;
                if (++m->depth > LIMIT_JSON_DEPTH)
                        return err_set(e, EINVAL, "%s nests deeper than %u", what,
                                       LIMIT_JSON_DEPTH);
                break;
        case ']':
        case '}':
                /* one too many is for the parser to refuse */
                if (m->depth > 0)
                        m->depth--;
                return 0;
        case ',':
        case ':':
                m->values++;
                break;
        default:
                return 0;
        }
        if (m->values > LIMIT_JSON_VALUES)
                return err_set(e, E2BIG, "%s has more than %u values", what, LIMIT_JSON_VALUES);
        return 0;
}

/* jansson nests 2,048 deep and allocates as it goes: judge first. */
static int measure(const char *data, size_t len, const char *what, struct err *e)
{
        struct measure m = { 0 };

        if (len > LIMIT_JSON)
                return err_set(e, EFBIG, "%s is larger than %u bytes", what, LIMIT_JSON);
        for (size_t i = 0; i < len; i++) {
                if (m.is_in_string) {
                        if (data[i] == '\\')
                                i++;
                        else if (data[i] == '"')
                                m.is_in_string = false;
                        continue;
                }
                if (measure_byte(&m, data[i], what, e) < 0)
                        return -e->code;
        }
        return 0;
}

json_t *doc_parse(const char *data, size_t len, const char *what, struct err *e)
{
        json_error_t error;

        if (measure(data, len, what, e) < 0)
                return NULL;
        json_t *doc = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
        if (!doc) {
                err_set(e, EINVAL, "%s is not valid JSON: line %d: %.150s", what, error.line,
                        error.text);
                return NULL;
        }
        return doc;
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
