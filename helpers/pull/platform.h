#ifndef KELP_PULL_PLATFORM_H
#define KELP_PULL_PLATFORM_H

#include "err.h"
#include "oci.h"

/* What an image was built for: the choice among the entries of an index. */

struct platform {
        char os[32];
        char architecture[32];
        char variant[32]; /* "": none */
};

/* OS/ARCH[/VARIANT]. */
int platform_parse(const char *text, struct platform *ret, struct err *e);

/* That of this machine. */
int platform_own(struct platform *ret, struct err *e);

/*
 * The entry for `want`: with its very variant; else one without a variant; else, for arm, the
 * nearest older variant; else the first of the architecture.  Entries that tell no platform are
 * taken when there is nothing else.  NULL with `e` set: the hint lists what there is.
 */
const struct oci_descriptor *platform_choose(const struct oci_index *index,
                                             const struct platform *want, struct err *e);

/*
 * Whether an image that is not an entry of an index is for `want`, by the text of its configuration.
 * One that does not tell its platform is for all.
 */
int platform_check(const char *config, size_t len, const struct platform *want, struct err *e);

#endif
