#ifndef KELP_HOST_DNS_H
#define KELP_HOST_DNS_H

#include <stddef.h>
#include <sys/socket.h>

#define HOST_DNS_MAX 3 /* as many as the C library asks */

struct host_dns_server {
        char text[64]; /* as it stands in resolv.conf */
        struct sockaddr_storage address;
        socklen_t len;
};

/*
 * The servers of a resolv.conf, whose text is cut up; at most `max`.  Lines that are no "nameserver
 * ADDRESS" are passed over, as the C library does.
 */
size_t host_dns_parse(char *text, struct host_dns_server *ret, size_t max);

/*
 * Asks all servers at once and waits at most a second.  Returns the index of the first one that
 * answers, with the time it took in *ret_ms; or -1, with the first server's errno in *ret_failure
 * (0: silence).
 */
int host_dns_ask(const struct host_dns_server *servers, size_t n, unsigned *ret_ms,
                 int *ret_failure);

#endif
