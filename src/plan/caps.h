#ifndef KELP_PLAN_CAPS_H
#define KELP_PLAN_CAPS_H

#include "err.h"

#include <stdint.h>

/* Names of capabilities, with or without "CAP_", any case. */

/* Every capability that this program knows. */
uint64_t caps_all(void);

int caps_find(const char *name, int *ret_cap, struct err *e);

/* "NET_RAW"; NULL for a number without a name. */
const char *caps_name(int cap);

#endif
