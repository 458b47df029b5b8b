#ifndef KELP_PULL_REACH_H
#define KELP_PULL_REACH_H

#include "http.h"

#include <sys/socket.h>

/* RFC 1918, 6598, 4193, 3927, 4291; IPv4 in IPv6 counts as what it is. */
enum reach reach_of(const struct sockaddr *address);

/* "the local network", ...: for messages. */
const char *reach_name(enum reach reach);

#endif
