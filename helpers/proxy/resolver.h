#ifndef KELP_PROXY_RESOLVER_H
#define KELP_PROXY_RESOLVER_H

#include "address.h"
#include "loop.h"

/*
 * Names to addresses, by c-ares on the loop: by the servers that were named, else as this host does
 * it, by its resolv.conf and hosts.  A name is asked for as it is: no search domain is added.
 */

#define RESOLVER_MAX_ADDRESSES 16

struct resolver;
struct lookup;

/* NULL with `e` set on failure.  `servers` as config.h has them, or NULL. */
struct resolver *resolver_make(struct loop *loop, const char *servers, struct err *e);
void resolver_free(struct resolver *r);

/* `error`: NULL, or why there are none.  The lookup is gone when it is called. */
typedef void resolver_done(void *owner, const struct address *addresses, size_t n,
                           const char *error);

/*
 * Asks; `done` is called once, perhaps before this returns.  *ret_lookup is for lookup_forget() and
 * is set before `done` is called.
 */
void resolver_ask(struct resolver *r, const char *name, resolver_done *done, void *owner,
                  struct lookup **ret_lookup);

/* Nobody wants its answer any more. */
void lookup_forget(struct lookup *l);

#endif
