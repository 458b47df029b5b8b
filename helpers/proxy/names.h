#ifndef KELP_PROXY_NAMES_H
#define KELP_PROXY_NAMES_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Made-up addresses: each name that is looked up gets one, by which a later connection tells which
 * name was meant.  An address that another name had is given out only when no connection uses it
 * and its last answer is so old that no client can remember it; when all are in use there is none.
 */

#define NAMES_MAX    16384
#define NAMES_TTL    60  /* seconds, as answers say */
#define NAMES_MEMORY 600 /* seconds; some clients keep an answer for longer than they should */

struct names;

/* Addresses of `network`/`bits`, but for its first and last one.  NULL with `e` set: no memory. */
struct names *names_make(uint32_t network, unsigned bits, struct err *e);
void names_free(struct names *names);

/* The address of `name`, in host order; 0: all are in use.  `now` is in seconds. */
uint32_t names_get(struct names *names, const char *name, uint64_t now);

/* The name behind an address, which lives as long as it is held; NULL: none. */
const char *names_find(const struct names *names, uint32_t address);

/* Whether the address is of the network at all. */
bool names_has(const struct names *names, uint32_t address);

/* A connection uses it, or does no more. */
void names_hold(struct names *names, uint32_t address);
void names_release(struct names *names, uint32_t address, uint64_t now);

#endif
