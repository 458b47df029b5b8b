#ifndef KELP_LIFE_REVIEW_CHANGE_H
#define KELP_LIFE_REVIEW_CHANGE_H

#include "review.h"

#include <sys/stat.h>

/*
 * What an upper layer says against the directory as it is now, as a list: of each place its root first,
 * and every directory before what is in it.  What is in place already has the kind REVIEW_SAME.
 */

#define REVIEW_MAX_CHANGES 1000000

enum review_kind {
        REVIEW_SAME,
        REVIEW_ADDED,
        REVIEW_CHANGED,
        REVIEW_DELETED,
        REVIEW_MODE,  /* permissions or attributes alone */
        REVIEW_TIMES, /* the time of the last change alone */
        REVIEW_TYPE,  /* another kind of thing under the same name */
        REVIEW_KIND_COUNT,
};

/* What tells one state of an object from another. */
struct review_ident {
        bool exists;
        unsigned mode; /* with the type */
        uint64_t dev;
        uint64_t ino;
        uint64_t nlink;
        uint32_t gid;
        int64_t size;
        int64_t mtime_ns;
        int64_t ctime_ns;
};

/* What is below a directory that is to go, so that nothing that came later goes with it. */
struct review_below {
        uint64_t digest;
        size_t n;
        bool is_new; /* some of it was changed after the run began */
};

#define REVIEW_NO_LEADER SIZE_MAX

struct review_change {
        size_t place;     /* index into review.places */
        const char *path; /* relative to it; "" is the place itself */
        enum review_kind kind;
        struct review_ident upper; /* of a deletion: nothing */
        struct review_ident lower; /* now */
        struct review_below below;
        unsigned overlay;     /* ATTRS_* */
        size_t leader;        /* the change that has the same file under another name */
        bool has_default_acl; /* a directory: what is made in it gets an access control list */
        bool is_only_link;    /* what is there is a file of its own that looks the same */
        const char *refused;  /* why it is never applied; NULL: it may be */
        bool is_conflict;     /* the user changed it meanwhile */
        bool is_protected;    /* it takes effect outside */
        size_t parent;        /* the change of its directory */
        bool is_hidden;       /* it goes because that was made anew */
        bool is_seen;
        struct review_ident seen; /* `lower` and `below` when they were first looked at */
        struct review_below seen_below;
};

struct review_changes {
        struct arena arena;
        const struct review *review;
        int *uppers; /* one for each place: the directory upper/ */
        int *lowers; /* and the place itself */
        struct review_change *items;
        size_t n;
        size_t *by_path;          /* all of them in the order of paths */
        struct review_seen *seen; /* in the order of paths */
        size_t n_seen;
        uint64_t *made; /* the directories that applying has made, in order */
        size_t n_made;
        bool has_seen;   /* it was looked at before */
        bool is_begun;   /* an apply was begun */
        bool has_opened; /* and somebody was killed while he read */
};

#define REVIEW_CHANGES_NONE                                                                        \
        {                                                                                          \
                .n = 0                                                                             \
        }

void review_changes_done(struct review_changes *c);

/* All of it: scanned, compared, and judged by what was seen before (which is written if it is new). */
int review_find_changes(const struct review *r, struct review_changes *ret, struct err *e);

/* A directory that merely had something done in it is none of its user's business. */
bool review_is_told(const struct review_change *change);

/*
 * openat2(2) of a relative path beneath `root`, without symlinks or mounts on the way; "" is the root
 * itself.  A descriptor, or a negative errno without a text.
 */
int review_open_beneath(int root, const char *path, int flags);

/* The directory that `path` is in, and the name in it. */
int review_open_parent(int root, const char *path, const char **ret_name);

struct review_ident review_ident_of(const struct stat *st);

/*
 * Directories that applying has made (review-made.c): noted while they have a name of ours, read, and
 * told by their number.
 */
int review_note_made(const struct review *r, int parent, const char *name, struct err *e);
int review_read_made(struct review_changes *c, struct err *e);
bool review_was_made(const struct review_changes *c, uint64_t ino);

/* What was noted of one name when it was first looked at. */
struct review_seen {
        size_t place;
        const char *path;
        struct review_ident ident;
        struct review_below below;
};

/* Fills by_path. */
int review_index_changes(struct review_changes *c, struct err *e);

/* The list of what was seen: read, looked up for one change, and written where there is none. */
int review_read_seen(struct review_changes *c, struct err *e);
void review_note_seen(const struct review_changes *c, struct review_change *change);
int review_write_seen(struct review_changes *c, struct err *e);

/* Whether it is one that takes effect outside, or a link in the place of a directory to one. */
bool review_is_protected(const struct review *r, const struct review_change *change);

/* Parts of review_find_changes(). */
int review_scan(struct review_changes *c, struct err *e);
int review_find_links(struct review_changes *c, struct err *e);
int review_judge(struct review_changes *c, struct err *e);

/*
 * A regular file of an upper layer that is read, whatever its mode is: while it is open its owner may,
 * who also needs that for its attributes.  Its own mode is noted in the review meanwhile, as the symlink
 * opened-INODE, so that whoever comes after one that was killed sets it back.
 */
struct review_reader {
        int fd; /* -1: none */
        bool is_opened_up;
        unsigned was_mode;
        int notes;
        char note[40];
};

int review_read_upper(const struct review *r, int dir, const char *name, struct review_reader *ret,
                      struct err *e);

/* Whether there are such notes; sets the mode of one file back that has one, in *st as well. */
int review_find_opened(const struct review *r, bool *ret, struct err *e);
int review_set_opened_back(const struct review *r, int dir, const char *name, struct stat *st,
                           struct err *e);
void review_reader_done(struct review_reader *reader);
#define autoreader __attribute__((cleanup(review_reader_done))) struct review_reader

/*
 * How `change`, whose names are `name` in both directories, differs.  Once an apply was begun, a file that
 * cannot be read but looks the same is what that has put there.
 */
int review_compare(const struct review_changes *c, int upper_dir, int lower_dir, const char *name,
                   struct review_change *change, struct err *e);

/* Everything below directory `name` of `dir`. */
int review_look_below(int dir, const char *name, int64_t start_ns, struct review_below *ret,
                      struct err *e);

#endif
