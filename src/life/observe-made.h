#ifndef KELP_LIFE_OBSERVE_MADE_H
#define KELP_LIFE_OBSERVE_MADE_H

#include "observe-event.h"

/*
 * The made-up addresses of a filtered network, and the names that they stand for.  A connection to a
 * port that no rule names finds no listener: kelp-proxy never hears of it, and only the observer can
 * tell, who sees an address alone.
 */

struct observe_made {
        char **names; /* by the last 16 bits of the address; NULL: none yet */
};

/* A word of kelp-proxy: "name ADDRESS NAME"; anything else is not heard. */
void observe_made_hear(struct observe_made *m, const char *text);

/* Puts the name in the place of the address, where one is known. */
void observe_made_put(const struct observe_made *m, struct observe_event *event);

void observe_made_done(struct observe_made *m);

#endif
