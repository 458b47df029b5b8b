#ifndef KELP_PULL_ENDPOINT_H
#define KELP_PULL_ENDPOINT_H

#include "err.h"
#include "mem.h"
#include "name.h"
#include "pull.h"
#include "registries.h"

/* Whom to ask for an image: its mirrors, then its registry. */

struct endpoint_wish {
        const char *ca;   /* --ca, or NULL */
        bool is_insecure; /* --insecure */
};

/* Fills spec->endpoints, but for the logins.  What is read of certificates belongs to `arena`. */
int endpoints_make(struct arena *arena, const struct pull_name *name,
                   const struct registries *registries, const struct endpoint_wish *wish,
                   struct pull_spec *spec, struct err *e);

#endif
