#ifndef KELP_PULL_REACH_H
#define KELP_PULL_REACH_H

#include "http.h"

#include <sys/socket.h>

/* RFC 1918, 6598, 4193, 3927, 4291; IPv4 in IPv6 counts as what it is. */
enum reach reach_of(const struct sockaddr *address);

/*
 * Of a host as it is written in a URL.  A name counts as public, as who can say what it stands for
 * is not here; but for those that stand for this machine everywhere (RFC 6761, 6.3).
 */
enum reach reach_of_host(const char *host);

/* The same of a numeric address alone; false: it is none. */
bool reach_of_address(const char *text, enum reach *ret);

/* "the local network", ...: for messages. */
const char *reach_name(enum reach reach);

#endif
