#ifndef KELP_IMAGE_LOWER_H
#define KELP_IMAGE_LOWER_H

#include "digest.h"
#include "err.h"
#include "limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * What a stack of unpacked layers shows, as overlayfs merges them.  A directory is shown by the
 * layers that have it as one, from the topmost down to the first where it is opaque or something
 * else; which ones these are is carried from a directory to those in it.
 */

struct lower {
        int dir;                     /* holds the layers by diff-id; borrowed */
        const struct digest *layers; /* the lowest first */
        size_t n;
};

/* The layers that show a directory, the topmost first. */
struct lower_view {
        uint16_t *layers; /* indexes; malloc */
        size_t n;
};

void lower_view_done(struct lower_view *view);

/* All layers show the root. */
int lower_view_root(const struct lower *l, struct lower_view *ret, struct err *e);

/*
 * What the layers of `parent` show at `path` (from the root, without a slash in front; "" for the
 * root itself), whose parent is that directory.  When it is a directory, *ret_fd is open on the
 * topmost one, the caller's, and *ret the layers that show it; else *ret_fd is -1 and *ret empty.
 */
int lower_look(const struct lower *l, const struct lower_view *parent, const char *path,
               struct lower_view *ret, int *ret_fd, struct err *e);

#endif
