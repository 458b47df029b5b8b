#include "ring.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>

int ring_open(struct ring *ring, unsigned n_slots, unsigned n_consumers, struct err *e)
{
        *ring = (struct ring){ .n_slots = n_slots, .n_consumers = n_consumers };
        ring->memory = malloc((size_t)n_slots * RING_SLOT_SIZE);
        if (!ring->memory)
                return err_set(e, ENOMEM, "out of memory");
        pthread_mutex_init(&ring->mutex, NULL);
        pthread_cond_init(&ring->changed, NULL);
        return 0;
}

void ring_done(struct ring *ring)
{
        if (!ring->memory)
                return;
        pthread_cond_destroy(&ring->changed);
        pthread_mutex_destroy(&ring->mutex);
        free(ring->memory);
        ring->memory = NULL;
}

static bool is_full(const struct ring *ring)
{
        for (unsigned i = 0; i < ring->n_consumers; i++) {
                if (ring->head - ring->tail[i] >= ring->n_slots)
                        return true;
        }
        return false;
}

char *ring_reserve(struct ring *ring)
{
        pthread_mutex_lock(&ring->mutex);
        while (is_full(ring) && !ring->is_stopped)
                pthread_cond_wait(&ring->changed, &ring->mutex);
        char *slot = ring->memory + ring->head % ring->n_slots * RING_SLOT_SIZE;
        if (ring->is_stopped)
                slot = NULL;
        pthread_mutex_unlock(&ring->mutex);
        return slot;
}

void ring_publish(struct ring *ring, size_t len)
{
        pthread_mutex_lock(&ring->mutex);
        ring->len[ring->head % ring->n_slots] = len;
        ring->head++;
        pthread_cond_broadcast(&ring->changed);
        pthread_mutex_unlock(&ring->mutex);
}

void ring_close(struct ring *ring)
{
        pthread_mutex_lock(&ring->mutex);
        ring->is_closed = true;
        pthread_cond_broadcast(&ring->changed);
        pthread_mutex_unlock(&ring->mutex);
}

const char *ring_next(struct ring *ring, unsigned consumer, size_t *ret_len)
{
        const char *slot = NULL;

        pthread_mutex_lock(&ring->mutex);
        while (ring->tail[consumer] == ring->head && !ring->is_closed && !ring->is_stopped)
                pthread_cond_wait(&ring->changed, &ring->mutex);
        if (ring->tail[consumer] < ring->head && !ring->is_stopped) {
                uint64_t at = ring->tail[consumer] % ring->n_slots;

                slot = ring->memory + at * RING_SLOT_SIZE;
                *ret_len = ring->len[at];
        }
        pthread_mutex_unlock(&ring->mutex);
        return slot;
}

void ring_release(struct ring *ring, unsigned consumer)
{
        pthread_mutex_lock(&ring->mutex);
        ring->tail[consumer]++;
        pthread_cond_broadcast(&ring->changed);
        pthread_mutex_unlock(&ring->mutex);
}

void ring_stop(struct ring *ring)
{
        pthread_mutex_lock(&ring->mutex);
        ring->is_stopped = true;
        pthread_cond_broadcast(&ring->changed);
        pthread_mutex_unlock(&ring->mutex);
}
