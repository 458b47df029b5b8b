#ifndef KELP_LIFE_CAPTURE_H
#define KELP_LIFE_CAPTURE_H

#include "box-log.h"

/*
 * The standard streams of a detached run.  The launch and the supervisor find pipes on 0, 1 and 2 as
 * they would of a pipeline, also where the payload has a terminal of its own; this is the other end
 * of them: what comes out goes to the log and to whoever is attached, what they type goes in.
 */

#define CAPTURE_CHUNK 16384

struct capture {
        int sources[BOX_STREAM_COUNT]; /* what is read; -1: it has ended */
        int input;                     /* what is typed goes there; -1: the payload reads nothing */
        int said;                      /* kelp's own messages are written there */
        struct box_log log;
        size_t at; /* what is typed and not taken yet is [at, len) */
        size_t len;
        char typed[4096];
};

/* NULL with `e` set. */
struct capture *capture_new(struct err *e);
void capture_free(struct capture **c);
#define autocapture __attribute__((cleanup(capture_free))) struct capture

/*
 * Puts the pipes on the standard streams of this process; without `has_input` its input is empty.
 * Kelp's own messages still go to the descriptor that standard error was.
 */
int capture_place(struct capture *c, bool has_input, struct err *e);

/* The user's terminal or pipe is let go: from here on messages of kelp go to the log. */
int capture_leave(struct capture *c, struct err *e);

/* From here on they are kept in memory, to be read from a source that is at its end behind the last. */
int capture_keep_said(struct capture *c, struct err *e);

#endif
