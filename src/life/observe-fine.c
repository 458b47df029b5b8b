#include "observe-fine.h"

#include <stddef.h>
#include <string.h>

static size_t set_of(uint64_t hash)
{
        return (hash ^ hash >> 32) % OBSERVE_FINE_SETS;
}

bool observe_fine_has(const struct observe_fine *f, uint64_t hash)
{
        const uint64_t *set = f->sets[set_of(hash)];

        for (size_t i = 0; i < OBSERVE_FINE_IN_SET; i++) {
                if (set[i] == hash && hash != 0)
                        return true;
        }
        return false;
}

void observe_fine_keep(struct observe_fine *f, uint64_t hash)
{
        uint64_t *set = f->sets[set_of(hash)];

        memmove(set + 1, set, (OBSERVE_FINE_IN_SET - 1) * sizeof(set[0]));
        set[0] = hash;
}
