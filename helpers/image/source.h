#ifndef KELP_IMAGE_SOURCE_H
#define KELP_IMAGE_SOURCE_H

#include "err.h"
#include "mem.h"
#include "stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What an image is imported from, recognised by its content: an OCI layout directory, or a file
 * that is an OCI archive (a tar of such a layout), a docker-archive (`docker save`) or else the
 * tar of a root file system; each tar may be compressed.
 *
 * An archive is walked once.  The walk ends at the first name that only a root file system has
 * ("bin", "etc", a device, ...).  The members of an image archive are remembered by where their
 * data lies in the file; those of a compressed one are written to the session's directory.
 */

enum source_kind { SOURCE_ROOTFS, SOURCE_DOCKER, SOURCE_OCI };

struct source_member {
        char *name;   /* clean, relative */
        char *target; /* of a link: clean, relative to the archive; NULL: a file */
        uint64_t offset;
        uint64_t size;
};

struct source {
        enum source_kind kind;
        struct region whole;  /* the input, when it is a file */
        enum packing packing; /* of the whole */
        int directory;        /* borrowed: the input, when it is a directory; else -1 */
        int spool;            /* borrowed: where members of a compressed archive are; else -1 */
        struct arena arena;
        struct source_member *members;
        size_t n_members;
};

/* `input` is open for reading; `session` is a directory to write to.  Both stay the caller's. */
int source_open(struct source *s, int input, int session, struct err *e);
void source_done(struct source *s);

#define autosource __attribute__((cleanup(source_done))) struct source

/* The file `name` of an image archive or a layout.  *ret_fd is the caller's, and in ret->fd. */
int source_find(const struct source *s, const char *name, int *ret_fd, struct region *ret,
                struct err *e);

/* A whole region in memory, terminated: *ret_data is the caller's (free). */
int source_read_region(const struct region *in, const char *name, size_t limit, char **ret_data,
                       struct err *e);

/* The file `name`, read into memory. */
int source_read(const struct source *s, const char *name, size_t limit, char **ret_data,
                size_t *ret_len, struct err *e);

#endif
