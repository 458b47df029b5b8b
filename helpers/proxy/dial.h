#ifndef KELP_PROXY_DIAL_H
#define KELP_PROXY_DIAL_H

#include "address.h"
#include "loop.h"
#include "resolver.h"

/*
 * A connection to the first of several addresses that answers: the next one is tried when one has
 * failed, or has been silent for LOOP_STAGGER.  Source: RFC 8305 (happy eyeballs).
 */

#define DIAL_MAX_AT_ONCE 3

struct dial;

/* `fd` is the callee's, or -1 with `error`, an errno.  The dial is gone when it is called. */
typedef void dial_done(void *owner, int fd, const struct address *a, int error);

/*
 * Starts; `done` is called once, never before this returns 0.  NULL with *ret_error, an errno, when
 * all have failed at once.
 */
struct dial *dial_start(struct loop *loop, const struct address *addresses, size_t n, uint16_t port,
                        dial_done *done, void *owner, int *ret_error);

/* Gives up; `done` is not called. */
void dial_stop(struct dial *d);

/*
 * Whether `a` is an address of this host, by the source that the kernel takes to get there.  What
 * cannot be told, as there are no descriptors left or no memory, is taken for one.
 */
bool dial_is_own(const struct address *a);

#endif
