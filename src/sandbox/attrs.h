#ifndef KELP_SANDBOX_ATTRS_H
#define KELP_SANDBOX_ATTRS_H

#include "err.h"

#include <stdbool.h>

/*
 * The extended attributes of a file that its user gives it: user.* and the access control lists.
 * What overlayfs notes in user.overlay.* is none of them, nor is security.*, which the kernel makes.
 * Descriptors are open for reading; a file system without attributes has none.
 */

/* Whether both have the same; a negative errno on failure. */
int attrs_compare(int a, int b, bool *ret_same, struct err *e);

/* Gives `to` those of `from`, and takes away what it has beside them. */
int attrs_copy(int from, int to, struct err *e);

/* What attrs_find_overlay() found: bits. */
enum {
        ATTRS_OPAQUE = 1 << 0,  /* a directory that hides what is below it */
        ATTRS_FOREIGN = 1 << 1, /* a note that this overlay was never to write */
};

/* What overlayfs has noted on an object of an upper layer.  Source: overlayfs.rst, "userxattr". */
int attrs_find_overlay(int fd, unsigned *ret, struct err *e);

/* Whether what is made in a directory gets an access control list.  Source: acl(5). */
bool attrs_has_default_acl(int fd);

#endif
