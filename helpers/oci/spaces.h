#ifndef KELP_OCI_SPACES_H
#define KELP_OCI_SPACES_H

#include "bundle.h"

#include <stdbool.h>

/* The namespaces of a container: which are made, and which of others are joined. */
struct spaces {
        int join[BUNDLE_N_NS]; /* -1: nothing to join */
        bool is_new[BUNDLE_N_NS];
};

#define SPACES_NONE                                                                                \
        {                                                                                          \
                .join = { -1, -1, -1, -1, -1, -1, -1, -1 }                                         \
        }

void spaces_done(struct spaces *s);

/*
 * On the host: opens those that have a path and sees that each is a namespace of its kind.  One that is
 * the caller's own user namespace, which nobody can join, is none to join.  EINVAL: it is another thing.
 */
int spaces_open(const struct bundle *b, struct spaces *ret, struct err *e);

/* Whether any but the user namespace is to be joined. */
bool spaces_have_others(const struct spaces *s);

/* Joins the user namespace at its path. */
int spaces_join_user(struct spaces *s, struct err *e);

/*
 * Joins the others, the mount namespace last.  `is_early`: before a user namespace of the container's own,
 * which has no rights in those of others; what the caller may not join yet is left for later.
 */
int spaces_join(struct spaces *s, bool is_early, struct err *e);

/* unshare(2) of those that are new, of `kinds` (bit n: enum bundle_ns n) alone. */
int spaces_unshare(const struct spaces *s, unsigned kinds, struct err *e);

#endif
