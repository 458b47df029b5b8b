#include "field.h"

#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_SHOWN 72

struct field field_member(const struct field *object, const char *name)
{
        const json_t *value = json_object_get(object->value, name);

        return (struct field){
                .value = json_is_null(value) ? NULL : value,
                .parent = object,
                .name = name,
        };
}

struct field field_item(const struct field *array, size_t index)
{
        return (struct field){
                .value = json_array_get(array->value, index),
                .parent = array,
                .index = index,
        };
}

size_t field_count(const struct field *array)
{
        return json_array_size(array->value);
}

/* ------ paths ------ */

static bool is_plain(const char *name)
{
        size_t len = 0;

        for (; name[len]; len++) {
                if (!isalnum((unsigned char)name[len]) && !strchr("_-", name[len]))
                        return false;
        }
        return len > 0 && len < MAX_SHOWN;
}

static size_t print_step(const struct field *f, bool is_first, char *text, size_t size)
{
        char shown[MAX_SHOWN];
        int len;

        if (!f->name)
                len = snprintf(text, size, "[%zu]", f->index);
        else if (is_plain(f->name))
                len = snprintf(text, size, "%s%s", is_first ? "" : ".", f->name);
        else
                len = snprintf(text, size, "[\"%s\"]",
                               str_escape(shown, sizeof(shown), f->name, strlen(f->name)));
        return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

/* The document's own name is no part of it. */
static size_t print_path(const struct field *f, char *text, size_t size)
{
        text[0] = '\0';
        if (!f->parent)
                return 0;
        size_t used = print_path(f->parent, text, size);

        return used + print_step(f, used == 0, text + used, size - used);
}

#define MAX_WHERE 320

char *field_where(const struct field *f, struct arena *a, struct err *e)
{
        char text[MAX_WHERE];

        print_path(f, text, sizeof(text));
        return arena_copy(a, text, e);
}

static const char *document_name(const struct field *f)
{
        while (f->parent)
                f = f->parent;
        return f->name;
}

int field_prefix(const struct field *f, struct err *e)
{
        char where[MAX_WHERE];

        print_path(f, where, sizeof(where));
        return where[0] ? err_prefix(e, "%s: %s", document_name(f), where)
                        : err_prefix(e, "%s", document_name(f));
}

int field_fail(const struct field *f, struct err *e, const char *fmt, ...)
{
        char text[sizeof(e->text)];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        err_set(e, EINVAL, "%s", text);
        return field_prefix(f, e);
}

int field_fail_text(const struct field *f, const char *text, const char *reason, struct err *e)
{
        char shown[MAX_SHOWN];

        str_escape(shown, sizeof(shown), text, strlen(text));
        return field_fail(f, e, "'%s%s' %s", shown, strlen(text) >= sizeof(shown) ? "..." : "",
                          reason);
}

/* ------ values ------ */

int field_require(const struct field *f, struct err *e)
{
        return f->value ? 0 : field_fail(f, e, "is missing");
}

int field_check_object(const struct field *f, struct err *e)
{
        if (!f->value || json_is_object(f->value))
                return 0;
        return field_fail(f, e, "must be an object");
}

int field_object(const struct field *object, const char *name, struct field *ret, struct err *e)
{
        *ret = field_member(object, name);
        return field_check_object(ret, e);
}

int field_array(const struct field *object, const char *name, size_t limit, struct field *ret,
                struct err *e)
{
        *ret = field_member(object, name);
        if (ret->value && !json_is_array(ret->value))
                return field_fail(ret, e, "must be an array");
        if (field_count(ret) > limit)
                return field_fail(ret, e, "has more than %zu items", limit);
        return 0;
}

int field_bool(const struct field *object, const char *name, bool *ret, struct err *e)
{
        struct field f = field_member(object, name);

        if (!f.value)
                return 0;
        if (!json_is_boolean(f.value))
                return field_fail(&f, e, "must be true or false");
        *ret = json_is_true(f.value);
        return 0;
}

int field_number(const struct field *object, const char *name, uint64_t min, uint64_t max,
                 bool *ret_has, uint64_t *ret, struct err *e)
{
        struct field f = field_member(object, name);
        uint64_t value;

        if (ret_has)
                *ret_has = f.value != NULL;
        if (!f.value)
                return 0;
        if (!json_text_number(f.value, &value) || value < min || value > max)
                return field_fail(&f, e, "must be an integer from %" PRIu64 " to %" PRIu64, min,
                                  max);
        *ret = value;
        return 0;
}

int field_integer(const struct field *object, const char *name, int64_t min, int64_t max,
                  bool *ret_has, int64_t *ret, struct err *e)
{
        struct field f = field_member(object, name);

        if (ret_has)
                *ret_has = f.value != NULL;
        if (!f.value)
                return 0;
        int64_t value = json_integer_value(f.value);
        if (!json_is_integer(f.value) || value < min || value > max)
                return field_fail(&f, e, "must be an integer from %" PRId64 " to %" PRId64, min,
                                  max);
        *ret = value;
        return 0;
}

int field_as_text(const struct field *f, size_t max, const char **ret, struct err *e)
{
        const char *text = json_text_string(f->value);

        if (!text)
                return field_fail(f, e, "must be a string");
        if (strlen(text) > max)
                return field_fail(f, e, "is longer than %zu bytes", max);
        *ret = text;
        return 0;
}

int field_text(const struct field *object, const char *name, size_t max, const char **ret,
               struct err *e)
{
        struct field f = field_member(object, name);

        return f.value ? field_as_text(&f, max, ret, e) : 0;
}

int field_copy_text(const struct field *object, const char *name, size_t max, struct arena *a,
                    const char **ret, struct err *e)
{
        const char *text = NULL;

        if (field_text(object, name, max, &text, e) < 0)
                return -e->code;
        if (!text)
                return 0;
        const char *copy = arena_copy(a, text, e);
        if (!copy)
                return -e->code;
        *ret = copy;
        return 0;
}

int field_copy_path(const struct field *object, const char *name, struct arena *a, const char **ret,
                    struct err *e)
{
        struct field f = field_member(object, name);
        const char *path = NULL;

        if (field_copy_text(object, name, FIELD_MAX_PATH, a, &path, e) < 0)
                return -e->code;
        if (path && path[0] != '/')
                return field_fail_text(&f, path, "is not an absolute path", e);
        if (path)
                *ret = path;
        return 0;
}

int field_copy_texts(const struct field *object, const char *name, size_t limit, size_t max,
                     struct arena *a, const char ***ret, size_t *ret_n, struct err *e)
{
        struct field list;

        if (field_array(object, name, limit, &list, e) < 0)
                return -e->code;
        size_t n = field_count(&list);
        const char **texts = arena_alloc(a, (n + 1) * sizeof(*texts), e);
        if (!texts)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct field f = field_item(&list, i);
                const char *text;

                if (field_as_text(&f, max, &text, e) < 0)
                        return -e->code;
                texts[i] = arena_copy(a, text, e);
                if (!texts[i])
                        return -e->code;
        }
        *ret = texts;
        *ret_n = n;
        return 0;
}

/* ------ words ------ */

#define MAX_WORDS 64

static const char *nearest(const char *text, const struct field_word *words, size_t n)
{
        const char *names[MAX_WORDS + 1] = { NULL };

        for (size_t i = 0; i < n && i < MAX_WORDS; i++)
                names[i] = words[i].name;
        return strlen(text) < MAX_SHOWN ? str_nearest(text, names) : NULL;
}

int field_as_word(const struct field *f, const struct field_word *words, size_t n_words,
                  uint64_t *ret, struct err *e)
{
        char reason[MAX_SHOWN + 64] = "is not known here";
        const char *text;

        if (field_as_text(f, FIELD_MAX_TEXT, &text, e) < 0)
                return -e->code;
        for (size_t i = 0; i < n_words; i++) {
                if (str_eq(text, words[i].name)) {
                        *ret = words[i].value;
                        return 0;
                }
        }
        const char *near = nearest(text, words, n_words);
        if (near)
                snprintf(reason, sizeof(reason), "is not known here; did you mean '%s'?", near);
        return field_fail_text(f, text, reason, e);
}

int field_word(const struct field *object, const char *name, const struct field_word *words,
               size_t n_words, bool *ret_has, uint64_t *ret, struct err *e)
{
        struct field f = field_member(object, name);

        if (ret_has)
                *ret_has = f.value != NULL;
        return f.value ? field_as_word(&f, words, n_words, ret, e) : 0;
}
