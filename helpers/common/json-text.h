#ifndef KELP_COMMON_JSON_TEXT_H
#define KELP_COMMON_JSON_TEXT_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * JSON text of strangers.  It is measured before it is parsed: its size, how deep it nests and how many
 * values it has, so that the memory it can take is known.  Duplicate keys, NUL and invalid UTF-8 are
 * refused.
 */
struct json_text_limits {
        size_t bytes;
        unsigned depth;
        unsigned values;
        /*
         * jansson's integers have 63 bits and a sign.  With this, those that have more, which would be
         * an error, become strings of a kind of their own: json_text_number() reads them up to
         * 2^64 - 1, and json_text_string() doesn't take them for strings.
         */
        bool has_big_numbers;
};

static inline void json_text_done(json_t **doc)
{
        json_decref(*doc);
        *doc = NULL;
}

#define autojson __attribute__((cleanup(json_text_done))) json_t

/* `what` names the document in errors.  NULL on error. */
json_t *json_text_parse(const char *data, size_t len, const struct json_text_limits *limits,
                        const char *what, struct err *e);

/* Whether `value` is an integer from 0 to 2^64 - 1. */
bool json_text_number(const json_t *value, uint64_t *ret);

/* NULL where `value` is not a string. */
const char *json_text_string(const json_t *value);

/* The text of a document, compact and with sorted keys, as it may be read again; NULL: no memory. */
char *json_text_print(const json_t *doc);

#endif
