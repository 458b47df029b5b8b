#ifndef KELP_IMAGE_COMMIT_DOC_H
#define KELP_IMAGE_COMMIT_DOC_H

#include "err.h"
#include "oci.h"

#include <time.h>

/* The documents of an image that is another one with a layer on top.  *ret is the caller's (free). */

/*
 * The configuration: the parent's, with everything in it that is not known here, and one more
 * diff-id and entry of the history.  Where the parent's history does not tell of all its layers,
 * as that of an image which came as a plain tar, nameless entries stand for them.
 */
int commit_config(const char *parent, size_t len, const struct digest *diff_id, time_t created,
                  char **ret, struct err *e);

/* The manifest: that of the OCI image spec, whatever the parent's was. */
int commit_manifest(const struct oci_manifest *parent, const struct oci_descriptor *config,
                    const struct oci_descriptor *layer, char **ret, struct err *e);

/* An index of this one manifest, called `name`; NULL: it has no name. */
int commit_index(const struct oci_descriptor *manifest, const char *name, char **ret,
                 struct err *e);

#endif
