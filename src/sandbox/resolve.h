#ifndef KELP_SANDBOX_RESOLVE_H
#define KELP_SANDBOX_RESOLVE_H

#include "assemble.h"
#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A source on the host, opened once: what is judged is what is mounted. */
struct source {
        int fd;           /* O_PATH */
        const char *path; /* the kernel's name for it: clean, without symlinks */
        struct stat st;
};

/*
 * Opens `host_path`, following symlinks as the user would.  The descriptor belongs to the caller,
 * the path to the arena.  Errors: as open(2); ESTALE for an object that has no name any more.
 */
int resolve_source(struct arena *a, const char *host_path, struct source *ret, struct err *e);

/*
 * Whether a symlink is on the way to `path`, or is the last of it.  What is absent or out of reach
 * has none before that.  `path` must live as long as `seen`.
 */
bool resolve_has_link(struct plan_seen_dirs *seen, const char *path);

/*
 * openat2(2) below `dirfd`, which is taken for the root: absolute symlinks and ".." stay inside,
 * magic links are refused.  `flags` and `resolve` are added.  Returns the descriptor or a negative
 * errno without a text.
 */
int resolve_in_root(int dirfd, const char *path, int flags, unsigned long resolve);

/* Whether an open object lies in a /proc or a /sys. */
bool resolve_is_kernels(int fd);

/* The kernel's name of an open object, into `buffer`; false when it has none. */
bool resolve_name_of(int fd, char *buffer, size_t size);

#endif
