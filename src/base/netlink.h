#ifndef KELP_BASE_NETLINK_H
#define KELP_BASE_NETLINK_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Requests to the kernel's network configuration, gathered and sent in one go.  The kernel takes
 * them in order and answers only those that fail and the last one.  Source: rtnetlink(7).
 *
 * A request whose data do not fit is remembered and reported by netlink_send(), so that building
 * needs no error handling.
 */

#define NETLINK_ROOM         65536
#define NETLINK_MAX_REQUESTS 600

struct netlink {
        size_t len;
        size_t n;
        bool is_full;
        size_t last;                             /* where the last request begins */
        const char *names[NETLINK_MAX_REQUESTS]; /* what each is about, for error texts */
        uint8_t data[NETLINK_ROOM] __attribute__((aligned(4)));
};

/*
 * Begins a request: an RTM_ type, NLM_F_ flags beyond REQUEST, and its fixed header.  `name` is
 * the object in error texts and must live until netlink_send().
 */
void netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags, const void *head,
                   size_t head_size, const char *name);

/* Adds an attribute to the request begun last. */
void netlink_add(struct netlink *nl, uint16_t attribute, const void *data, size_t size);

/*
 * An attribute that has attributes in it: those that are added until netlink_close(), which takes
 * what this one returns.  `data` stands before them.
 */
size_t netlink_open(struct netlink *nl, uint16_t attribute, const void *data, size_t size);
void netlink_close(struct netlink *nl, size_t opened);

/* A request of its own: the device `index` goes up.  `name` as for netlink_begin(). */
void netlink_set_up(struct netlink *nl, int index, const char *name);

/* Sends all requests in the calling process's network namespace and empties `nl`. */
int netlink_send(struct netlink *nl, struct err *e);

#endif
