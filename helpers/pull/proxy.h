#ifndef KELP_PULL_PROXY_H
#define KELP_PULL_PROXY_H

#include "url.h"

/*
 * Which proxy a request goes through.  The rules are libcurl's, but they are decided here and
 * libcurl is told what came out: who judges the address of a connection has to know whether it is
 * that of the proxy or that of the server.
 */

/*
 * The value of the variable that is for it (borrowed, until the environment changes), or NULL: none.
 * This machine itself is not asked for by a proxy, whatever the variables say.
 */
const char *proxy_choose(const struct url *url);

#endif
