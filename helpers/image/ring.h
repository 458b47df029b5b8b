#ifndef KELP_IMAGE_RING_H
#define KELP_IMAGE_RING_H

#include "err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Blocks from one producing thread to two consuming threads at most, in order; each consumer sees
 * every block, without a copy.  The producer waits while the slowest consumer is all slots behind.
 * After ring_stop() nobody waits any more: the producer gets NULL, consumers see the end.
 */

#define RING_SLOTS     32
#define RING_SLOT_SIZE (256u << 10)
#define RING_CONSUMERS 2

struct ring {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        char *memory;
        size_t len[RING_SLOTS];
        uint64_t head;
        uint64_t tail[RING_CONSUMERS];
        unsigned n_slots;
        unsigned n_consumers;
        bool is_closed;
        bool is_stopped;
};

/* `n_slots`: RING_SLOTS at most. */
int ring_open(struct ring *ring, unsigned n_slots, unsigned n_consumers, struct err *e);
void ring_done(struct ring *ring);

/*
 * The next free block of RING_SLOT_SIZE bytes, or NULL when the ring was stopped.  A published
 * block stays the producer's to read until it reserves the next one.
 */
char *ring_reserve(struct ring *ring);

/* Hands the reserved block with `len` bytes in it to the consumers. */
void ring_publish(struct ring *ring, size_t len);

/* No block will follow. */
void ring_close(struct ring *ring);

/* The next block for `consumer`, or NULL at the end.  It is valid until ring_release(). */
const char *ring_next(struct ring *ring, unsigned consumer, size_t *ret_len);
void ring_release(struct ring *ring, unsigned consumer);

void ring_stop(struct ring *ring);

#endif
