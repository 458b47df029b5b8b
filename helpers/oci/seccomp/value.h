#ifndef KELP_OCI_SECCOMP_VALUE_H
#define KELP_OCI_SECCOMP_VALUE_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Values of a JSON object, with errors that name their path: "linux.seccomp.syscalls[3].args[0].op:
 * must be a string".  null is as good as absent, as engines write it.  All errors are EINVAL.
 */

/* An object and where it stands. */
struct value {
        const json_t *json;
        char where[128];
};

/* Sets `e` to "WHERE.KEY: ..."; returns -EINVAL. */
int value_refuse(const struct value *v, const char *key, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* The member, or NULL where there is none. */
const json_t *value_find(const struct value *v, const char *key);

/* *ret is NULL where there is none, which is an error if it `is_needed`. */
int value_get_string(const struct value *v, const char *key, bool is_needed, const char **ret,
                     struct err *e);

/* Up to `max`; *ret_is_set may be NULL: then it is needed.  *ret stays as it was where there is none. */
int value_get_number(const struct value *v, const char *key, uint64_t max, bool *ret_is_set,
                     uint64_t *ret, struct err *e);

/* *ret is NULL where there is none. */
int value_get_list(const struct value *v, const char *key, const json_t **ret, struct err *e);

/* Item `i` of the list `key`, which must be an object; and a string. */
int value_get_item(const struct value *v, const char *key, const json_t *list, size_t i,
                   struct value *ret, struct err *e);
int value_get_word(const struct value *v, const char *key, const json_t *list, size_t i,
                   const char **ret, struct err *e);

#endif
