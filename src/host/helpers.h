#ifndef KELP_HOST_HELPERS_H
#define KELP_HOST_HELPERS_H

#include "view.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The absolute path of one of kelp's own helper programs ("kelp-image"): beside kelp itself, in the
 * installation's libexec directory, or where the build leaves it.  Never from $PATH.
 */
bool host_find_helper(const struct host_view *v, const char *name, char *ret, size_t size);

#endif
