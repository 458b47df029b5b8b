#ifndef KELP_PULL_NAME_H
#define KELP_PULL_NAME_H

#include "digest.h"
#include "err.h"
#include "ref.h"

/*
 * What a name on the command line means to registries.  docker's rules: the first of several
 * components is a host if it has a dot or a colon in it or is "localhost"; without a host it is
 * docker.io, whose repositories without a slash are in "library/".
 *
 * In the store the image is called as it was typed (ref.h), so that the same word runs it.
 */

#define NAME_HOST_MAX 262 /* 255 and a port */
#define NAME_REPO_MAX 264 /* 255 and "library/" */
#define NAME_TAG_MAX  128

#define NAME_DOCKER "docker.io"

struct pull_name {
        char stored[REF_MAX + 1];
        char host[NAME_HOST_MAX + 1]; /* with its port, if one was given */
        char repo[NAME_REPO_MAX + 1];
        char tag[NAME_TAG_MAX + 1];
        struct digest digest; /* of a pinned name; then the tag is not asked for */
};

int pull_name_parse(const char *text, struct pull_name *ret, struct err *e);

#endif
