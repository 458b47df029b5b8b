#ifndef KELP_LIFE_BOX_LOG_H
#define KELP_LIFE_BOX_LOG_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What a detached sandbox wrote, in its state directory: a record a line, as CRI runtimes have it,
 *
 *      2026-11-26T19:30:00.123456789Z stdout F a whole line
 *      2026-11-26T19:30:00.234567890Z stderr P the start of one, which the next record goes on with
 *
 * so that the bytes come back as they were, each to its own stream.  The stream "kelp" has what kelp
 * itself had to say.  A file that has reached BOX_LOG_MAX becomes log.1, in the place of the one
 * before: a sandbox never takes more than twice that of what is mostly memory.
 */

#define BOX_LOG_MAX ((size_t)4 << 20)

enum box_stream {
        BOX_STDOUT,
        BOX_STDERR,
        BOX_KELP,
        BOX_STREAM_COUNT,
};

/* "stdout", "stderr", "kelp". */
const char *box_stream_name(enum box_stream stream);

struct box_log {
        int dir;       /* borrowed */
        int fd;        /* -1: there is none */
        size_t size;   /* of the file */
        bool is_lossy; /* what could not be written is not there, which is said once */
};

int box_log_open(struct box_log *log, int dir, struct err *e);
void box_log_done(struct box_log *log);

/* Never fails, as nobody is to die of a full disk: what does not fit is lost, and that is told. */
void box_log_write(struct box_log *log, enum box_stream stream, const char *data, size_t len);

/* One record, taken apart in place; false: it is none.  `text` has no newline. */
struct box_record {
        const char *time;
        enum box_stream stream;
        bool is_whole; /* a newline belongs behind it */
        const char *text;
        size_t len;
};

bool box_log_parse(char *line, size_t len, struct box_record *ret);

#endif
