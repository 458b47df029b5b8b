#ifndef KELP_LIFE_OBSERVE_FINE_H
#define KELP_LIFE_OBSERVE_FINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Hashes of what needs no second look.  The names that a make of many files looks for again and again
 * are some thousands; those of temporary files, which come once, push each other out.
 */

#define OBSERVE_FINE_SETS   4096
#define OBSERVE_FINE_IN_SET 4

struct observe_fine {
        uint64_t sets[OBSERVE_FINE_SETS][OBSERVE_FINE_IN_SET]; /* the newest first; 0: free */
};

bool observe_fine_has(const struct observe_fine *f, uint64_t hash);
void observe_fine_keep(struct observe_fine *f, uint64_t hash);

#endif
