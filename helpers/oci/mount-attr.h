#ifndef KELP_OCI_MOUNT_ATTR_H
#define KELP_OCI_MOUNT_ATTR_H

#include "bundle.h"
#include "notice.h"

/*
 * The option words of a mount as attributes of the kernel's.  "ro" of the one mount comes last of all,
 * when everything is in its place (rootfs_finish()): what is mounted below it may have to be made first.
 */

/* For fsmount(2): of a new file system all words are about the one mount. */
uint64_t mount_attr_new(const struct bundle_mount *m);

/*
 * Of a copy of something that was mounted already, which has its own attributes: those that words name are
 * set or taken off, all others stay.  What the owner of the mount has locked (a user namespace must not
 * loosen what it was given: mount_namespaces(7)) stays, too, and is said.
 */
int mount_attr_change(const struct bundle_mount *m, int mount, const struct notice *notice,
                      struct err *e);

/* "shared", "rslave", ... in their order. */
int mount_attr_propagate(const struct bundle_mount *m, int mount, struct err *e);

/* MS_SHARED and its like, with MS_REC or without. */
int mount_attr_set_propagation(int mount, unsigned long word, struct err *e);

int mount_attr_set_read_only(int mount, bool is_recursive, struct err *e);

#endif
