#ifndef KELP_OCI_CONTAINER_IDS_H
#define KELP_OCI_CONTAINER_IDS_H

#include "err.h"

#include <stddef.h>

/* The ids of all containers, sorted, also of what is damaged. */

struct container_ids {
        char **items;
        size_t n;
        size_t room;
};

void container_ids_done(struct container_ids *ids);

#define autoids __attribute__((cleanup(container_ids_done))) struct container_ids

/*
 * *ret, which must be zeroed, gets those in the directory `root` that match the extended regular expression
 * `pattern`, or all for NULL.  Errors: EINVAL, it is none.
 */
int container_ids_find(int root, const char *pattern, struct container_ids *ret, struct err *e);

/*
 * What --regex of `kill` and `delete` means: calls each() for all that match, also when one fails, and
 * returns the first error.
 */
int container_ids_each(int root, const char *pattern,
                       int (*each)(void *user, int root, const char *id, struct err *e), void *user,
                       struct err *e);

#endif
