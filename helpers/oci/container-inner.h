#ifndef KELP_OCI_CONTAINER_INNER_H
#define KELP_OCI_CONTAINER_INNER_H

#include "container.h"

/* Between the files of container.h. */

#define CONTAINER_CONFIG "config.json"
#define CONTAINER_STATE  "state.json"
#define CONTAINER_START  "start"
#define CONTAINER_LOCK   "lock"

#define CONTAINER_MAX_STATE ((size_t)8 << 20)

/* Reads state.json into what is open.  ENOENT: there is none.  EBADMSG: it is not one. */
int container_read(struct container *c, struct err *e);

#endif
