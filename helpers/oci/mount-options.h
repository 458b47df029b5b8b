#ifndef KELP_OCI_MOUNT_OPTIONS_H
#define KELP_OCI_MOUNT_OPTIONS_H

#include "bundle.h"
#include "newmount.h"

/* What fsconfig(2) is told of a new file system. */
struct mount_options {
        char *text; /* what the items point into */
        struct newmount_option *items;
        size_t n;
};

void mount_options_done(struct mount_options *o);

#define automountoptions __attribute__((cleanup(mount_options_done))) struct mount_options

/*
 * From the source, the words of the superblock and the file system's own ones.  A mount that the config
 * gives no options at all gets those that the place of its name has everywhere: /dev, /dev/pts, /dev/shm.
 * `label` is SELinux' for its files, NULL: none; the kernel's own file systems have theirs.
 */
int mount_options_make(const struct bundle_mount *m, const char *label, struct mount_options *ret,
                       struct err *e);

/* The value of the last option `key`, or NULL. */
const char *mount_options_get(const struct mount_options *o, const char *key);

/* MOUNT_ATTR_* that go with them where the config has no options. */
uint64_t mount_options_default_attr(const struct bundle_mount *m);

#endif
