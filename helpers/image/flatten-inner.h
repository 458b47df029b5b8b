#ifndef KELP_IMAGE_FLATTEN_INNER_H
#define KELP_IMAGE_FLATTEN_INNER_H

#include "attrs.h"
#include "err.h"
#include "limit.h"
#include "links.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What the files of the part in the jail share: flatten-child.c walks, flatten-file.c copies. */

#define FLATTEN_CHUNK (256u << 10)

struct flattening {
        int root;  /* the copy */
        int layer; /* the one at work */
        uint64_t entries;
        bool has_no_clones; /* this file system */
        struct links links; /* of the layer; their names are paths from the root */
        size_t len;
        char path[LIMIT_PATH + 1]; /* of what is being copied, from the root; "" for the root */
        char buffer[FLATTEN_CHUNK];
};

/* "cannot WHAT 'PATH': reason", by errno. */
int flatten_failed(const struct flattening *f, const char *what, struct err *e);

/* The user.* ones.  What the overlay itself notes there means nothing in a copy. */
int flatten_set_attrs(const struct flattening *f, int to, const struct attrs *attrs, struct err *e);

/* Copies what is no directory; its name in the copy is free.  `from` and `to` hold it. */
int flatten_file(struct flattening *f, int from, int to, const char *name, const struct stat *st,
                 struct err *e);

#endif
