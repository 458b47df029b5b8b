#ifndef KELP_LIFE_OBSERVE_LIST_H
#define KELP_LIFE_OBSERVE_LIST_H

#include "err.h"
#include "mem.h"
#include "observe-event.h"

#include <stddef.h>

/* Events, each once: what happens again is counted.  Bounded, and what does not fit is counted too. */
struct observe_list {
        struct arena arena;
        struct observe_item *items; /* in the order in which they happened first */
        size_t n;
        size_t max;
        size_t n_dropped;
        uint32_t *table; /* by hash: an index of items + 1; 0: free */
        size_t n_slots;  /* a power of two */
};

struct observe_item {
        struct observe_event *event;
        uint64_t hash;
};

int observe_list_init(struct observe_list *l, size_t max, struct err *e);

/* An error is that of memory alone. */
int observe_list_add(struct observe_list *l, const struct observe_event *event, struct err *e);

void observe_list_done(struct observe_list *l);

#endif
