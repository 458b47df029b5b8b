#include "observe-list.h"

#include "str.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
        const unsigned char *at = data;

        /* FNV-1a, which is good enough for names that differ */
        for (size_t i = 0; i < len; i++)
                hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
        return hash;
}

static uint64_t hash_of(const struct observe_event *event)
{
        const unsigned char head[] = { (unsigned char)event->kind, (unsigned char)event->access,
                                       (unsigned char)event->is_refused,
                                       (unsigned char)(event->port & 0xff),
                                       (unsigned char)(event->port >> 8) };
        uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), head, sizeof(head));

        hash = mix(hash, event->name, strlen(event->name));
        return mix(hash, event->detail, strlen(event->detail));
}

static bool is_same(const struct observe_event *a, const struct observe_event *b)
{
        return a->kind == b->kind && a->access == b->access && a->is_refused == b->is_refused &&
               a->is_datagram == b->is_datagram && a->port == b->port && str_eq(a->name, b->name) &&
               str_eq(a->detail, b->detail);
}

int observe_list_init(struct observe_list *l, size_t max, struct err *e)
{
        struct observe_list made = { .max = max, .n_slots = 64 };

        while (made.n_slots < max * 2)
                made.n_slots *= 2;
        made.table = mem_alloc(made.n_slots * sizeof(*made.table), e);
        if (!made.table)
                return -e->code;
        *l = made;
        return 0;
}

static uint32_t *slot_of(const struct observe_list *l, const struct observe_event *event,
                         uint64_t hash)
{
        size_t at = hash & (l->n_slots - 1);

        for (;; at = (at + 1) & (l->n_slots - 1)) {
                const struct observe_item *item;

                if (l->table[at] == 0)
                        return &l->table[at];
                item = &l->items[l->table[at] - 1];
                if (item->hash == hash && is_same(item->event, event))
                        return &l->table[at];
        }
}

static int append(struct observe_list *l, const struct observe_event *event, uint64_t hash,
                  struct err *e)
{
        struct observe_event *copy = arena_alloc(&l->arena, sizeof(*copy), e);

        if (!copy || arena_grow(&l->arena, &l->items, l->n, sizeof(*l->items), l->max,
                                "observed events", e) < 0)
                return -e->code;
        *copy = *event;
        l->items[l->n++] = (struct observe_item){ .event = copy, .hash = hash };
        return 0;
}

int observe_list_add(struct observe_list *l, const struct observe_event *event, struct err *e)
{
        uint64_t hash = hash_of(event);
        uint32_t *slot = slot_of(l, event, hash);

        if (*slot != 0) {
                uint32_t *count = &l->items[*slot - 1].event->count;

                *count += event->count <= UINT32_MAX - *count ? event->count : UINT32_MAX - *count;
                return 0;
        }
        if (l->n == l->max) {
                l->n_dropped++;
                return 0;
        }
        if (append(l, event, hash, e) < 0)
                return -e->code;
        *slot = (uint32_t)l->n;
        return 0;
}

void observe_list_done(struct observe_list *l)
{
        arena_done(&l->arena);
        free(l->table);
        *l = (struct observe_list){ 0 };
}
