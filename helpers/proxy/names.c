#include "names.h"

#include "mem.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NONE UINT32_MAX

/* One address; the number of its slot is what it is behind the first one. */
struct slot {
        char *name; /* NULL: it never had one */
        uint64_t used_at;
        uint32_t n_users;
        uint32_t next_same; /* of the same bucket */
        uint32_t older;     /* the list from the one that was used last */
        uint32_t newer;
};

#define N_BUCKETS 16384

struct names {
        uint32_t network;
        uint32_t n_slots; /* that there may be */
        uint32_t n_used;
        uint32_t newest;
        uint32_t oldest;
        uint64_t seed; /* who chooses names must not choose what bucket they fall into */
        uint32_t mask; /* of the network */
        uint32_t buckets[N_BUCKETS];
        struct slot slots[]; /* untouched ones take no memory */
};

struct names *names_make(uint32_t network, unsigned bits, struct err *e)
{
        uint32_t n_slots = (1u << (32 - bits)) - 2;

        if (n_slots > NAMES_MAX)
                n_slots = NAMES_MAX;
        struct names *names = mem_alloc(sizeof(*names) + n_slots * sizeof(struct slot), e);
        if (!names)
                return NULL;
        names->network = network;
        names->mask = UINT32_MAX << (32 - bits);
        names->n_slots = n_slots;
        names->newest = NONE;
        names->oldest = NONE;
        memset(names->buckets, 0xff, sizeof(names->buckets));
        if (getrandom(&names->seed, sizeof(names->seed), 0) != sizeof(names->seed)) {
                err_sys(e, "cannot get random bytes");
                free(names);
                return NULL;
        }
        return names;
}

void names_free(struct names *names)
{
        if (!names)
                return;
        for (uint32_t i = 0; i < names->n_used; i++)
                free(names->slots[i].name);
        free(names);
}

static uint32_t bucket_of(const struct names *names, const char *name)
{
        uint64_t hash = names->seed;

        for (const char *c = name; *c; c++) {
                hash = (hash ^ (uint8_t)*c) * 0x9e3779b97f4a7c15u;
                hash ^= hash >> 29;
        }
        return (uint32_t)(hash >> 32) % N_BUCKETS;
}

/* ------ the list by age ------ */

static void unlink_slot(struct names *names, uint32_t at)
{
        struct slot *s = &names->slots[at];

        if (s->newer != NONE)
                names->slots[s->newer].older = s->older;
        else
                names->newest = s->older;
        if (s->older != NONE)
                names->slots[s->older].newer = s->newer;
        else
                names->oldest = s->newer;
}

static void link_newest(struct names *names, uint32_t at, uint64_t now)
{
        struct slot *s = &names->slots[at];

        s->used_at = now;
        s->newer = NONE;
        s->older = names->newest;
        if (names->newest != NONE)
                names->slots[names->newest].newer = at;
        else
                names->oldest = at;
        names->newest = at;
}

static void touch(struct names *names, uint32_t at, uint64_t now)
{
        unlink_slot(names, at);
        link_newest(names, at, now);
}

/* ------ names ------ */

static uint32_t find_slot(const struct names *names, const char *name)
{
        uint32_t at = names->buckets[bucket_of(names, name)];

        while (at != NONE && !str_eq(names->slots[at].name, name))
                at = names->slots[at].next_same;
        return at;
}

static void forget(struct names *names, uint32_t at)
{
        struct slot *s = &names->slots[at];
        uint32_t *from = &names->buckets[bucket_of(names, s->name)];

        while (*from != at)
                from = &names->slots[*from].next_same;
        *from = s->next_same;
        unlink_slot(names, at);
        free(s->name);
        s->name = NULL;
}

/* The oldest one that no connection uses; those that are used stay, and are no longer in the way. */
static uint32_t take_oldest(struct names *names, uint64_t now)
{
        for (uint32_t n = 0; n < names->n_used && names->oldest != NONE; n++) {
                uint32_t at = names->oldest;

                if (now - names->slots[at].used_at < NAMES_MEMORY)
                        return NONE;
                if (names->slots[at].n_users == 0) {
                        forget(names, at);
                        return at;
                }
                touch(names, at, now);
        }
        return NONE;
}

uint32_t names_get(struct names *names, const char *name, uint64_t now)
{
        uint32_t at = find_slot(names, name);

        if (at != NONE) {
                touch(names, at, now);
                return names->network + 1 + at;
        }
        char *copy = strdup(name);
        if (!copy)
                return 0;
        at = names->n_used < names->n_slots ? names->n_used++ : take_oldest(names, now);
        if (at == NONE) {
                free(copy);
                return 0;
        }
        uint32_t *bucket = &names->buckets[bucket_of(names, name)];
        names->slots[at] = (struct slot){ .name = copy, .next_same = *bucket };
        *bucket = at;
        link_newest(names, at, now);
        return names->network + 1 + at;
}

bool names_has(const struct names *names, uint32_t address)
{
        return names && (address & names->mask) == names->network;
}

static uint32_t slot_of(const struct names *names, uint32_t address)
{
        uint32_t at = address - names->network - 1;

        return names_has(names, address) && at < names->n_used && names->slots[at].name ? at : NONE;
}

const char *names_find(const struct names *names, uint32_t address)
{
        uint32_t at = names ? slot_of(names, address) : NONE;

        return at == NONE ? NULL : names->slots[at].name;
}

void names_hold(struct names *names, uint32_t address)
{
        uint32_t at = slot_of(names, address);

        if (at != NONE)
                names->slots[at].n_users++;
}

void names_release(struct names *names, uint32_t address, uint64_t now)
{
        uint32_t at = slot_of(names, address);

        if (at == NONE)
                return;
        names->slots[at].n_users--;
        touch(names, at, now);
}
