#ifndef KELP_HOST_HELPERS_H
#define KELP_HOST_HELPERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The path of one of our own helpers ("kelp-image"): beside kelp itself, which is `exe`, in
 * ../libexec/kelp, or in the tree that kelp was built in.  Nothing in the environment has a say in
 * it.  False: there is no such program.
 */
bool host_find_helper(const char *exe, const char *name, char *ret, size_t size);

#endif
