#ifndef KELP_IMAGE_ATTRS_H
#define KELP_IMAGE_ATTRS_H

#include "err.h"
#include "limit.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The extended attributes of a file on disk.  Those that belong into an archive are user.* and
 * security.capability; user.overlay.* are the overlay's own notes, and are told apart here.
 *
 * What a payload calls user.overlay.X is user.overlay.overlay.X on disk (Linux 6.7; before, it
 * cannot have such).  No layer can have it, because whoever unpacks that takes it for a note, or
 * leaves it out; nor do access control lists belong into one.  Source: the kernel's overlayfs.rst.
 */

struct attr {
        const char *name;
        const void *value;
        size_t size;
};

struct attrs {
        struct arena arena;
        struct attr items[LIMIT_XATTRS]; /* sorted by name */
        size_t n;
        size_t n_left_out; /* of the payload's, which cannot be in an archive */
        bool is_opaque;    /* user.overlay.opaque: what is below does not show */
        bool is_whiteout;  /* user.overlay.whiteout: on an empty file, one */
};

/*
 * Reads those of the open file `fd`; `path` is for errors.  EOPNOTSUPP for what can only be
 * understood together with other layers (redirect, metacopy): kelp mounts none with it.
 */
int attrs_read(int fd, const char *path, struct attrs *ret, struct err *e);
void attrs_done(struct attrs *a);

#define autoattrs __attribute__((cleanup(attrs_done))) struct attrs

/* Whether both have the same ones for an archive. */
bool attrs_are_same(const struct attrs *a, const struct attrs *b);

#endif
