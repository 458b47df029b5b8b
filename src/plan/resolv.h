#ifndef KELP_PLAN_RESOLV_H
#define KELP_PLAN_RESOLV_H

#include "plan.h"

/* The texts of the sandbox's own resolv.conf and hosts.  They belong to the arena; NULL: no memory. */

/*
 * `host` is the host's own resolv.conf: with the host's network it is taken over, with the user
 * network its search domains and options are.  --dns wins over what a mode brings.
 * Source: resolv.conf(5), slirp4netns(1).
 */
char *resolv_text(const struct plan *p, const char *host, struct arena *a, struct err *e);

/* What --add-host says, the lines of `host`, and the name that the sandbox goes by. */
char *hosts_text(const struct plan *p, const char *host, struct arena *a, struct err *e);

#endif
