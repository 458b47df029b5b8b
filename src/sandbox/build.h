#ifndef KELP_SANDBOX_BUILD_H
#define KELP_SANDBOX_BUILD_H

#include "image-root.h"
#include "plan.h"
#include "tree.h"

/* What pid 1 keeps of the root that it built. */
struct build {
        const struct plan *plan;
        int root;  /* the new root, attached over the old one; O_PATH */
        int stage; /* the tmpfs that is the root, or that has the upper layer of an image */
        int rooms; /* a directory of that tmpfs which the sandbox does not see */
        size_t n_rooms;
        struct image_root image; /* the root of an image, borrowed, and where it is kept */
        int null;                /* the host's null device, judged; what covers files */
        size_t n_built;          /* entries of the tree that are done */
        int max_userns; /* the limit of user namespaces of ours, open for writing; -1: kept */
};

#define BUILD_NONE                                                                                 \
        {                                                                                          \
                .root = -1, .stage = -1, .rooms = -1, .null = -1, .max_userns = -1, .image = {     \
                        .root = -1,                                                                \
                        .kept = -1                                                                 \
                }                                                                                  \
        }

/*
 * Makes the base of the root in the mount namespace of the caller, which must be private already:
 * a tmpfs or an image's layers, attached over "/", where path names do not see it yet.
 */
int build_base(const struct plan *p, const struct image_base *image, struct build *ret,
               struct err *e);

/* Builds the tree on it.  Errors name the entry, its place and who asked for it. */
int build_root(struct build *b, const struct tree *t, struct err *e);

/*
 * The rest of the tree, from /sys on: the kernel mounts it for whoever is in the network namespace
 * that it is to show.  The root is whole afterwards, and read-only where it is to be.
 */
int build_last(struct build *b, const struct tree *t, struct err *e);

/* pivot_root(".", ".") into what was built, and the old root is gone. */
int build_pivot(struct build *b, struct err *e);

#endif
