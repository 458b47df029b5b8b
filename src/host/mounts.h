#ifndef KELP_HOST_MOUNTS_H
#define KELP_HOST_MOUNTS_H

#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <stddef.h>

/* One line of proc/self/mountinfo; see proc_pid_mountinfo(5).  Lives in the text it was read from. */
struct host_mount {
        unsigned id;
        unsigned parent;
        const char *root;    /* what of the file system is mounted */
        char *point;         /* where, unescaped */
        const char *options; /* of the mount */
        const char *type;    /* of the file system */
};

/* Takes the next well-formed line off *at.  False at the end. */
bool host_next_mount(char **at, struct host_mount *ret);

/* The text of mountinfo, for free(); NULL when it cannot be read. */
char *host_read_mounts(const struct host_view *v);

/* Whether "/" is a mount point: inside a chroot it is not. */
bool host_is_root_a_mount(const struct host_view *v);

/* Whether something is mounted below the directory `path`. */
bool host_has_mounts_below(const struct host_view *v, const char *path);

/*
 * The first mount of `mounts`, a text of mountinfo, that lies below the directory `path`: for free(),
 * or NULL where there is none.
 */
int host_find_mount_below(const char *mounts, const char *path, char **ret, struct err *e);

/* Whether "ro" is one of the options "rw,nosuid,...". */
bool host_has_option(const char *options, const char *option);

#endif
