#ifndef KELP_OCI_FORMAT_H
#define KELP_OCI_FORMAT_H

#include "err.h"

#include <stdbool.h>

/* --format of `list` and `ps`: "table", which NULL is, or "json".  Errors: EINVAL. */
int format_parse(const char *command, const char *text, bool *ret_is_json, struct err *e);

#endif
