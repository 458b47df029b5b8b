#ifndef KELP_IMAGE_TELL_H
#define KELP_IMAGE_TELL_H

#include "commit.h"
#include "import.h"

#include <stdbool.h>

/* What main() says on standard error of what has worked. */

/* What was left out of the image. */
void tell_imported(const struct import_result *result);

/* Its name, if nobody gave it, and what that stood for before. */
void tell_name(const struct import_result *result, bool was_given);

/* That index.json of the store at `path` was damaged, and is a new one. */
void tell_repaired(const char *path);

void tell_committed(const struct commit_result *result, const char *name);

/* The names that cannot be read: each with what to do. */
void tell_damaged_names(const struct store *store);

#endif
