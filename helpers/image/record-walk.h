#ifndef KELP_IMAGE_RECORD_WALK_H
#define KELP_IMAGE_RECORD_WALK_H

#include "limit.h"
#include "record.h"

#include <stdbool.h>
#include <sys/stat.h>

/* What the files record*.c share; see record.h. */

/* A byte of a name may take four. */
#define RECORD_NAME_MAX (4 * LIMIT_PATH + 1)
#define RECORD_LINE_MAX (2 * RECORD_NAME_MAX + 400)

/* One entry that a walk has come to. */
struct record_entry {
        char path[LIMIT_PATH + 1]; /* "" for the root */
        int parent;                /* its directory; -1 for the root */
        const char *name;          /* in it */
        int fd;                    /* of a directory, else -1 */
        struct stat st;
};

/* *ret_skip: do not go into this directory. */
typedef int record_visit(void *context, const struct record_entry *entry, bool *ret_skip,
                         struct err *e);

/* `scratch` takes the names of large directories; NULL: memory does. */
int record_walk(int dir, struct scratch *scratch, record_visit *visit, void *context,
                struct err *e);

/* The order of a walk: a directory, what is in it, and then what is beside it. */
int record_compare_paths(const char *a, const char *b);

/* The line of an entry, without a newline.  `content` and `xattrs` are "-" or hex. */
int record_print(const struct record_entry *entry, bool has_owners, const char *content,
                 const char *xattrs, char *line, struct err *e);

/* The digest over the attributes of an open file, "" when it has none. */
int record_digest_xattrs(int fd, struct digest *ret, struct err *e);

/* The reverse of how names are written; `text` is changed.  False: it was not written so. */
bool record_unescape(char *text);

#endif
