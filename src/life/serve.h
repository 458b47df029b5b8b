#ifndef KELP_LIFE_SERVE_H
#define KELP_LIFE_SERVE_H

#include "capture.h"
#include "control.h"

#include <stdint.h>

/*
 * The supervisor's side of control.h, and of the streams of a detached sandbox.  All its descriptors
 * are in one epoll set, which the supervisor's loop waits for beside its own.
 *
 * Output goes to the log first, then to those who are attached, a chunk at a time: the next one is
 * read when all have taken it.  Who takes nothing for SERVE_PATIENCE_NS is dropped, so that nobody
 * holds the payload up for long.
 */

#define SERVE_MAX_CLIENTS 32
#define SERVE_PATIENCE_NS 1000000000u

struct supervisor;

enum serve_kind {
        SERVE_NOBODY,
        SERVE_ASKS,     /* connected, and has not said what for */
        SERVE_WAITS,    /* for the end */
        SERVE_ATTACHED, /* and waits for the end, too */
};

/* What is on its way to one that is attached. */
struct serve_out {
        int fd; /* -1: none */
        size_t at;
        size_t len;
        char data[CAPTURE_CHUNK];
};

struct serve_client {
        enum serve_kind kind;
        int sock;
        int in;                /* -1: it types nothing (any more) */
        bool ends_input;       /* the end of `in` is that of the payload's input */
        struct serve_out *out; /* two: stdout, stderr; NULL: not attached */
        uint64_t since;        /* it has taken something last, as of io_now(); 0: nothing waits */
};

struct serve {
        int epoll;
        int listener;
        int timer;               /* of SERVE_PATIENCE_NS */
        struct capture *capture; /* NULL: the sandbox is in the foreground; borrowed */
        bool is_held;            /* output is not read, as somebody has not taken the last of it */
        bool is_fed; /* input is not read, as the payload has not taken the last of it */
        struct serve_client clients[SERVE_MAX_CLIENTS];
};

/* Listens in the directory of the box.  NULL with `e` set. */
struct serve *serve_new(int box_dir, struct capture *capture, struct err *e);
void serve_free(struct serve **s);

/* When poll(2) says that there is something to read from the epoll set. */
void serve_turn(struct serve *s, struct supervisor *v);

/* Before the supervisor stops again: who has woken it has asked by now. */
void serve_hear(struct serve *s, struct supervisor *v);

/* The payload is gone: the rest of its output goes to the log and to who is attached. */
void serve_drain(struct serve *s);

/*
 * The same; then what kelp says goes where there is room for all of it, until serve_drain() takes it:
 * nobody reads its pipe meanwhile.
 */
int serve_take_last(struct serve *s, struct err *e);

/* Whoever has asked until now will be told of the end, and nobody asks from here on. */
void serve_hear_last(struct serve *s);

/* Everybody who waits hears of the exit status. */
void serve_tell_end(struct serve *s, int exit_code);

#endif
