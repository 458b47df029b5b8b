#ifndef KELP_OCI_FIELD_H
#define KELP_OCI_FIELD_H

#include "err.h"
#include "json-text.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The values of a JSON document, each with where it stands, so that what is wrong with it is one line
 * that says so: "config.json: process.user.uid: must be an integer from 0 to 4294967294", EINVAL.
 *
 * null is the same as absence (Go writes empty lists like that).  Outputs are written only where there
 * is a value, so that they can have their default before.  Texts belong to the document unless they are
 * copied to an arena.
 */
struct field {
        const json_t *value;        /* NULL: absent, or null */
        const struct field *parent; /* NULL: the document itself */
        const char *name;           /* of a member, of the document its own; NULL: an item */
        size_t index;               /* of an item */
};

/* Everything in a path or a word of a command line is shorter than these; of a path, by PATH_MAX. */
#define FIELD_MAX_PATH 4095
#define FIELD_MAX_TEXT 131071
#define FIELD_MAX_NAME 255

struct field field_member(const struct field *object, const char *name);
struct field field_item(const struct field *array, size_t index);
size_t field_count(const struct field *array);

/* "mounts[3].source". */
char *field_where(const struct field *f, struct arena *a, struct err *e);

/* EINVAL, with the path in front. */
int field_fail(const struct field *f, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The same: "'TEXT' REASON", the text so that it is safe on a terminal, and not all of a long one. */
int field_fail_text(const struct field *f, const char *text, const char *reason, struct err *e);

/* Puts the path in front of what is wrong already. */
int field_prefix(const struct field *f, struct err *e);

int field_require(const struct field *f, struct err *e);

/* The member `name` of `object`, of that type or absent. */
int field_object(const struct field *object, const char *name, struct field *ret, struct err *e);
int field_array(const struct field *object, const char *name, size_t limit, struct field *ret,
                struct err *e);
int field_check_object(const struct field *f, struct err *e);

int field_bool(const struct field *object, const char *name, bool *ret, struct err *e);

/* *ret_has, which may be NULL, says whether there is one. */
int field_number(const struct field *object, const char *name, uint64_t min, uint64_t max,
                 bool *ret_has, uint64_t *ret, struct err *e);
int field_integer(const struct field *object, const char *name, int64_t min, int64_t max,
                  bool *ret_has, int64_t *ret, struct err *e);

/* A text of at most `max` bytes. */
int field_text(const struct field *object, const char *name, size_t max, const char **ret,
               struct err *e);
int field_as_text(const struct field *f, size_t max, const char **ret, struct err *e);
int field_copy_text(const struct field *object, const char *name, size_t max, struct arena *a,
                    const char **ret, struct err *e);

/* A text that is an absolute path, copied. */
int field_copy_path(const struct field *object, const char *name, struct arena *a, const char **ret,
                    struct err *e);

/* An array of texts, copied, with NULL behind the last; empty if it is absent. */
int field_copy_texts(const struct field *object, const char *name, size_t limit, size_t max,
                     struct arena *a, const char ***ret, size_t *ret_n, struct err *e);

/* A text that is one of the names of a table. */
struct field_word {
        const char *name;
        uint64_t value;
};

int field_word(const struct field *object, const char *name, const struct field_word *words,
               size_t n_words, bool *ret_has, uint64_t *ret, struct err *e);
int field_as_word(const struct field *f, const struct field_word *words, size_t n_words,
                  uint64_t *ret, struct err *e);

#define FIELD_N_WORDS(words) (sizeof(words) / sizeof((words)[0]))

#endif
