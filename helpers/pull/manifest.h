#ifndef KELP_PULL_MANIFEST_H
#define KELP_PULL_MANIFEST_H

#include "client.h"
#include "err.h"
#include "name.h"
#include "oci.h"
#include "platform.h"

#include <stdbool.h>

/* The manifest of an image, from its tag or digest, through an index if there is one. */

struct manifest {
        char *text;
        size_t len;
        char type[128];                   /* its media type */
        struct oci_descriptor descriptor; /* of itself; its media_type is `type` */
        struct oci_manifest parsed;
        bool is_chosen; /* for its platform, which the index tells */
};

void manifest_done(struct manifest *m);

/* Everything in *ret has been checked but the blobs that it names. */
int manifest_fetch(struct client *c, const struct pull_name *name, const struct platform *platform,
                   struct manifest *ret, struct err *e);

#endif
