#ifndef KELP_IMAGE_DIFF_INNER_H
#define KELP_IMAGE_DIFF_INNER_H

#include "attrs.h"
#include "diff.h"
#include "limit.h"
#include "links.h"

/* What the files diff*.c share; see diff.h. */

#define DIFF_BUFFER (256u << 10)

/* An open directory of the upper layer; the first is its root. */
struct diff_level {
        int fd;
        struct stat st;
        struct attrs attrs;
        struct lower_view view; /* of the layers below, as far as this one lets them show */
        size_t path_len;
        bool is_written; /* it has its entry, or needs none */
        bool hides;      /* a directory of the layers below: it needs a mark */
};

struct diff {
        const struct diff_spec *spec;
        struct diff_count *count;
        struct archive_entry *entry;
        struct links links;
        size_t n_levels;
        struct diff_level levels[LIMIT_DEPTH + 1];
        char path[LIMIT_PATH + 1]; /* of what is looked at, without a slash in front */
        size_t path_len;
        char buffer[DIFF_BUFFER];
};

/* ------ diff-entry.c: the entry of what is at d->path ------ */

int diff_write_directory(struct diff *d, const struct diff_level *level, struct err *e);
int diff_write_whiteout(struct diff *d, const struct stat *st, struct err *e);
int diff_write_symlink(struct diff *d, int parent, const char *name, const struct stat *st,
                       struct err *e);
int diff_write_fifo(struct diff *d, const struct stat *st, struct err *e);

/* A regular file that is open; also one that is a whiteout, or another name of an earlier one. */
int diff_write_file(struct diff *d, int fd, const struct stat *st, struct err *e);

#endif
