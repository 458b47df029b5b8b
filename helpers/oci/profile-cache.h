#ifndef KELP_OCI_PROFILE_CACHE_H
#define KELP_OCI_PROFILE_CACHE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Compiled profiles, one a file, in $XDG_CACHE_HOME/kelp/oci-filters, ~/.cache/kelp/oci-filters, or
 * where there is no home in $XDG_RUNTIME_DIR/kelp/oci-filters.
 *
 * An entry has in front all that its filter was made of, and is taken only where that is, byte for
 * byte, what is asked for now; the name of the file, a hash, only finds it.  It is read once, and what was
 * read is judged: owner and mode of the file, so that nobody else can have written it; its length and
 * sum, so that half of one or a damaged one is none.  A new one takes the place of the old by rename.
 *
 * What cannot be used is as good as absent: the profile is compiled then, each time.
 */
struct profile_cache {
        int dir; /* -1: there is none */
};

/* What a filter is made of: who made it, and of what. */
struct profile_key {
        char maker[256];
        const char *text;
        size_t len;
};

void profile_key_fill(struct profile_key *ret, const char *text, size_t len);

/* Finds the directory; where it is not there yet, profile_cache_put() makes it. */
void profile_cache_open(struct profile_cache *ret);
void profile_cache_done(struct profile_cache *c);

#define autoprofilecache __attribute__((cleanup(profile_cache_done))) struct profile_cache

/* *ret, the caller's (free), is what was put there for that key; false: nothing that could be used. */
bool profile_cache_get(const struct profile_cache *c, const struct profile_key *key, char **ret,
                       size_t *ret_len);

/* Puts it there, and removes what is too old or too much.  Errors: it is not kept. */
int profile_cache_put(struct profile_cache *c, const struct profile_key *key, const char *body,
                      size_t len, struct err *e);

#endif
