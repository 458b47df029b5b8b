#include "value.h"

#include "json-text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int value_refuse(const struct value *v, const char *key, struct err *e, const char *fmt, ...)
{
        char text[256];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        return err_set(e, EINVAL, "%s.%s: %s", v->where, key, text);
}

const json_t *value_find(const struct value *v, const char *key)
{
        const json_t *json = json_object_get(v->json, key);

        return json_is_null(json) ? NULL : json;
}

int value_get_string(const struct value *v, const char *key, bool is_needed, const char **ret,
                     struct err *e)
{
        const json_t *json = value_find(v, key);

        if (!json && is_needed)
                return value_refuse(v, key, e, "is missing");
        *ret = json ? json_text_string(json) : NULL;
        return json && !*ret ? value_refuse(v, key, e, "must be a string") : 0;
}

int value_get_number(const struct value *v, const char *key, uint64_t max, bool *ret_is_set,
                     uint64_t *ret, struct err *e)
{
        const json_t *json = value_find(v, key);
        uint64_t number;

        if (ret_is_set)
                *ret_is_set = json != NULL;
        if (!json)
                return ret_is_set ? 0 : value_refuse(v, key, e, "is missing");
        if (!json_text_number(json, &number) || number > max)
                return value_refuse(v, key, e, "must be an integer from 0 to %llu",
                                    (unsigned long long)max);
        *ret = number;
        return 0;
}

int value_get_list(const struct value *v, const char *key, const json_t **ret, struct err *e)
{
        const json_t *json = value_find(v, key);

        if (json && !json_is_array(json))
                return value_refuse(v, key, e, "must be an array");
        *ret = json;
        return 0;
}

int value_get_item(const struct value *v, const char *key, const json_t *list, size_t i,
                   struct value *ret, struct err *e)
{
        const json_t *json = json_array_get(list, i);

        snprintf(ret->where, sizeof(ret->where), "%.70s.%.20s[%zu]", v->where, key, i);
        ret->json = json;
        if (!json_is_object(json))
                return err_set(e, EINVAL, "%s: must be an object", ret->where);
        return 0;
}

int value_get_word(const struct value *v, const char *key, const json_t *list, size_t i,
                   const char **ret, struct err *e)
{
        *ret = json_text_string(json_array_get(list, i));
        if (!*ret)
                return err_set(e, EINVAL, "%s.%s[%zu]: must be a string", v->where, key, i);
        return 0;
}
