#ifndef KELP_PROXY_LOOP_H
#define KELP_PROXY_LOOP_H

#include "err.h"
#include "queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one loop: descriptors that are watched, timers, and things that die.  What an event has ended
 * stays until all events of its round are dealt with, as one of them may still be about it: it is
 * given to loop_bury(), and its watches are empty.
 */

struct watch {
        int fd; /* owned; -1: none */
        uint32_t events;
        bool is_known; /* to epoll */
        void (*ready)(struct watch *w, uint32_t events);
        void *owner;
};

/* Delays are few, so a queue for each is in order by itself. */
enum loop_delay {
        LOOP_STAGGER,   /* until the next address is tried, too */
        LOOP_PAUSE,     /* until a listener that had no descriptors listens again */
        LOOP_DNS,       /* a silent DNS connection */
        LOOP_HANDSHAKE, /* a client that does not say where to */
        LOOP_CONNECT,   /* name and connection */
        LOOP_N_DELAYS,
};

struct timer {
        struct link link;
        uint64_t due; /* 0: not set */
        enum loop_delay delay;
        void (*ring)(void *owner);
        void *owner;
};

/* The first member of what is buried. */
struct grave {
        struct grave *next;
        void (*bury)(struct grave *g);
};

struct loop {
        int epoll;
        bool is_over;
        uint64_t now; /* ns, as of the round */
        struct queue timers[LOOP_N_DELAYS];
        struct grave *graves;
        /* one more who knows when it wants to be woken, in ms (-1: never), and is, each round */
        int (*guest_timeout)(void *guest);
        void (*guest_round)(void *guest);
        void *guest;
};

int loop_make(struct loop *loop, struct err *e);

/* Runs until `is_over`. */
int loop_run(struct loop *loop, struct err *e);

void loop_done(struct loop *loop);

/* Watches `w->fd` for `events` (0: for errors alone).  Returns 0 or -errno. */
int loop_watch(struct loop *loop, struct watch *w, uint32_t events);
void loop_forget(struct loop *loop, struct watch *w);

/* Forgets and closes it. */
void loop_close(struct loop *loop, struct watch *w);

void loop_set_timer(struct loop *loop, struct timer *t, enum loop_delay delay);
void loop_stop_timer(struct loop *loop, struct timer *t);

void loop_bury(struct loop *loop, struct grave *g);

#endif
