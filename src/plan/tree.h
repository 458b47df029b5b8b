#ifndef KELP_PLAN_TREE_H
#define KELP_PLAN_TREE_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The root of a sandbox as a list of entries, in the order in which they are made: a parent stands
 * before what lies in it.  The launcher makes the list from the plan and from what it finds on the
 * host, every source judged once by descriptor; pid 1 carries it out; --dry-run prints it; the
 * audit before exec compares the mount table with it.
 */

#define TREE_MAX_ENTRIES 200000

enum tree_kind {
        TREE_DIR,     /* a directory in the root's own tmpfs */
        TREE_SYMLINK, /* a symlink to `source`, in the root's own tmpfs */
        TREE_FILE,    /* a file with the content `source`, on a tmpfs of ours, mounted if need be */
        TREE_BIND,    /* host path `source` */
        TREE_PIN,     /* box_path mounted on itself, so that it cannot be renamed away */
        TREE_EMPTY,   /* box_path covered by an empty directory or an empty file, mode 0 */
        TREE_TMPFS,
        TREE_PROC,
        TREE_SYSFS,
        TREE_DEVPTS,
        TREE_MQUEUE,
        TREE_OVERLAY, /* the root of an image */
};

enum tree_flags {
        TREE_READ_ONLY = 1 << 0,
        TREE_NO_SUID = 1 << 1,
        TREE_NO_DEV = 1 << 2,
        TREE_NO_EXEC = 1 << 3,
        TREE_RECURSIVE = 1 << 4,    /* with all mounts below the source */
        TREE_IF_EXISTS = 1 << 5,    /* an absent box_path is no error: there is nothing to cover */
        TREE_IN_OWN_TMPFS = 1 << 6, /* the mount point may be made: it lies in a tmpfs of ours */
        TREE_IS_DIRECTORY = 1 << 7, /* what is mounted is a directory */
        TREE_IS_SPECIAL = 1 << 8,   /* a device, socket or fifo that was asked for */
        TREE_NO_FOLLOW = 1 << 9,    /* box_path itself, also if it is a symlink */
        TREE_IF_ABSENT = 1 << 10,   /* file: one that the image brings stays */
        TREE_IF_PARENT = 1 << 11,   /* file: only where the image has the directory for it */
        TREE_IS_CACHE = 1 << 12,    /* bind: kelp's own, of which nothing outside makes use */
        TREE_OVERLAID = 1 << 13,    /* bind: what is written goes to `upper`, not to the source */
        TREE_SCRATCH = 1 << 14,     /* overlaid, and nobody will look at what was written */
        TREE_ANYWHERE = 1 << 15,    /* empty: it is found again wherever it is moved */
};

struct tree_entry {
        enum tree_kind kind;
        unsigned flags;
        unsigned mode;        /* dir, file, tmpfs */
        const char *box_path; /* clean */
        const char *source;
        uint64_t size; /* tmpfs: bytes, 0: what the tmpfs of the root has for all of these */
        int fd;        /* bind: the judged source, kept open so its inode stays; -1: none */
        uint64_t dev;  /* bind: st_dev and st_ino of the judged source */
        uint64_t ino;
        const char *upper; /* overlaid: the directory in the tree's overlay_dir that takes it */
        const char *origin;
};

/* A protected name on the host, as it was before the run: for the report at the end. */
struct tree_watch {
        const char *host_path;
        bool is_there;
        bool only_link; /* it is told of only if a symlink comes to be there */
        uint64_t dev;   /* of what is there */
        uint64_t ino;
        int64_t changed_ns; /* st_ctim */
        bool with_inside;   /* of a directory what is in it counts, too */
        uint64_t inside;    /* see watch_inside() */
};

/* What became of a pattern of a policy. */
struct tree_pattern {
        const char *text;
        const char *origin;
        size_t n_matches;
};

struct tree {
        struct arena arena;
        struct tree_entry *entries;
        size_t n_entries;
        struct tree_watch *watched;
        size_t n_watched;
        const char *overlay_dir; /* has an upper and a work directory for each that is overlaid */
        uint64_t overlay_dev;    /* what it is */
        uint64_t overlay_ino;
        bool is_review; /* what is written there waits for its user */
        struct tree_pattern *patterns;
        size_t n_patterns;
        struct tree_index *index; /* of large lists (tree_find_*); NULL: none yet */
        size_t n_open_repos; /* git repositories in subdirectories that are too many to protect */
};

void tree_done(struct tree *t);

/* The next entry, zeroed but for fd = -1; NULL with `e` set when the list is full. */
struct tree_entry *tree_add(struct tree *t, enum tree_kind kind, const char *box_path,
                            const char *origin, struct err *e);

/*
 * The last entry in front of `before` (NULL: of all) whose place is the first `len` bytes of
 * `box_path`, or NULL: of a long list without a look at each.
 */
const struct tree_entry *tree_find_last(const struct tree *t, const char *box_path, size_t len,
                                        const struct tree_entry *before);

/* To be called when entries were moved. */
int tree_index_again(struct tree *t, struct err *e);

/* Adds to the matches of a pattern, which may be looked for in several places. */
int tree_note_pattern(struct tree *t, const char *text, const char *origin, size_t n_matches,
                      struct err *e);

/* "bind", "tmpfs", ... */
const char *tree_kind_name(enum tree_kind kind);

#endif
