#ifndef KELP_PROXY_QUEUE_H
#define KELP_PROXY_QUEUE_H

#include <stddef.h>

/*
 * Things in the order in which they came, each of which may leave at any time.  A link is a member
 * of a thing, which it names as its owner; it is in one queue at the most.
 */

struct link {
        struct link *next;
        struct link *prev;
        void *owner;
};

struct queue {
        struct link *first; /* the oldest */
        struct link *last;
        size_t n;
};

void queue_add(struct queue *q, struct link *l);

/* `l` is in `q`. */
void queue_remove(struct queue *q, struct link *l);

/* The owner of the oldest; NULL: there is none. */
void *queue_first(const struct queue *q);

#endif
