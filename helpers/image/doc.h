#ifndef KELP_IMAGE_DOC_H
#define KELP_IMAGE_DOC_H

#include "digest.h"
#include "err.h"
#include "json-text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * JSON documents of strangers, within the limits of limit.h (json-text.h).
 *
 * Below, "required" members are errors when absent; for the others null and absence are the same.
 * A member of the wrong type is always an error: EINVAL, naming `what` and the member.
 * Strings live as long as the document.
 */

#define autodoc autojson

/* `what` names the document in errors.  NULL on error. */
json_t *doc_parse(const char *data, size_t len, const char *what, struct err *e);

/* The text of a document, in the order its members were set; *ret is the caller's (free). */
int doc_write(const json_t *doc, char **ret, struct err *e);

int doc_string(const json_t *object, const char *member, const char *what, const char **ret,
               struct err *e);
int doc_required_string(const json_t *object, const char *member, const char *what,
                        const char **ret, struct err *e);

/* *ret is NULL without the member. */
int doc_object(const json_t *object, const char *member, const char *what, const json_t **ret,
               struct err *e);
int doc_array(const json_t *object, const char *member, const char *what, const json_t **ret,
              struct err *e);

/* The member "size": a number from 0 up. */
int doc_size(const json_t *object, const char *what, uint64_t *ret, struct err *e);

/* The member "schemaVersion" must be there and 2. */
int doc_check_schema(const json_t *object, const char *what, struct err *e);

#endif
