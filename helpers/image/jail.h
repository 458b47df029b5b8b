#ifndef KELP_IMAGE_JAIL_H
#define KELP_IMAGE_JAIL_H

#include "err.h"
#include "id-map.h"
#include "proc.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The process that reads the archive.  Whoever made the archive may own this process one day, so
 * before it reads the first byte it has nothing left but a few descriptors:
 *
 *   1. user, mount, pid, net, ipc and uts namespaces of its own, one id mapped to itself, and an
 *      empty root: no path leads anywhere
 *   2. no capabilities, no_new_privs, not dumpable, limits on memory, files and processes.  Where
 *      files are to belong to subordinate ids there is a map of them, and what giving files away
 *      takes is kept: over those ids, and behind the other walls
 *   3. Landlock: below the session's directory it may write, below the named ones it may read, and
 *      nowhere else; no TCP, no signals or abstract sockets to the outside
 *   4. seccomp: the calls that unpacking takes, and ENOSYS for the rest
 *
 * Who reads what a sandbox has made comes from a user namespace of the sandbox's ids, and stays in
 * it (`keeps_ids`) with one capability: to read the files of every owner there.
 *
 * 2 and 4 always hold.  Of the two walls around the file system, 1 and 3, one may be missing (an
 * outer container without namespaces, a kernel without Landlock): without both it is an error.
 */

struct jail_spec {
        const int *fds; /* the descriptors that it keeps: ascending, each >= 3 */
        size_t n_fds;
        int writable; /* one of them: a directory; -1: none */
        const int *readable;
        size_t n_readable;          /* directories among them */
        const struct id_maps *maps; /* as jail_fork() had them */
        uint64_t keep_caps;         /* bit n: capability n, over the namespace's ids, stays */
        uid_t uid;                  /* the parent's: in new namespaces they cannot be asked for */
        gid_t gid;
        bool keeps_ids; /* as jail_fork() had it */
};

/* What giving files away takes, and writing into directories of others. */
#define JAIL_CAPS_OWN                                                                              \
        (1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER | 1ull << CAP_FSETID |  \
         1ull << CAP_SETFCAP)

/* What reading a tree takes whose files belong to others; its links and attributes are read, too. */
#define JAIL_CAPS_READ (1ull << CAP_DAC_READ_SEARCH)

/*
 * Forks, with new namespaces where they can be had.  Returns 0 in the parent, with *ret_child;
 * 1 in the child, which then calls jail_close() and leaves by _exit().  With `maps` there must be
 * a user namespace, and in it they hold before the child goes on: SUBIDS_ERROR when that fails.
 * With `keeps_ids` the child stays in the user namespace that we are in.
 */
int jail_fork(const struct id_maps *maps, bool keeps_ids, struct child *ret_child,
              bool *ret_has_namespaces, struct err *e);

/* Everything above, in the child.  It dies with the process behind `parent_pidfd`. */
int jail_close(const struct jail_spec *spec, bool has_namespaces, int parent_pidfd, struct err *e);

/* The parts of it in other files. */

/* -EOPNOTSUPP: this kernel has no Landlock that allows hard links (ABI 2, Linux 5.19). */
int jail_restrict_files(const struct jail_spec *spec, struct err *e);

int jail_restrict_syscalls(const struct jail_spec *spec, struct err *e);

#endif
