#ifndef KELP_LIFE_OBSERVE_NET_H
#define KELP_LIFE_OBSERVE_NET_H

#include "blocked.h"
#include "net-rule.h"
#include "observe-event.h"
#include "plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What the network of the sandbox will say to an address, and what a name server is asked for. */

/* More than that no question has without EDNS's consent of the server (RFC 1035, 2.3.4). */
#define OBSERVE_MAX_QUESTION 512

struct observe_net {
        const struct plan *plan;
        const struct blocked *blocked; /* of the network "user"; NULL: not known */
        bool keeps_allowed;
};

/* The name of a unix socket in the file system, terminated, or NULL: it is none, or abstract. */
const char *observe_unix_path(const struct sockaddr_storage *address, size_t len,
                              char ret[sizeof(struct sockaddr_storage)]);

/*
 * Whether to connect process `pid` to `address`, or to send a datagram there, is an event.  Of a
 * connect(2) it is not known which of both it is for.
 */
bool observe_net_look(const struct observe_net *n, pid_t pid,
                      const struct sockaddr_storage *address, size_t len, bool is_datagram,
                      struct observe_event *ret);

/*
 * The name that a DNS question (RFC 1035, 4.1) asks for, in lower case; false: the data is no plain
 * question for one name that net_rule_is_name() takes.
 */
bool observe_dns_name(const unsigned char *data, size_t len, char ret[NET_RULE_MAX_NAME + 1]);

#endif
