#ifndef KELP_HOST_SUBIDS_H
#define KELP_HOST_SUBIDS_H

#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Subordinate ids: subuid(5), subgid(5).  A line is OWNER:START:COUNT; the owner is a login name
 * or a numeric uid, also in the file for groups.  This is what newuidmap(1) lets the user map.
 */

/* A map has at most 340 lines, user_namespaces(7), and each range needs one. */
#define HOST_MAX_SUBIDS 300

struct host_subid {
        uint32_t start;
        uint32_t count;
};

struct host_subids {
        struct host_subid ranges[HOST_MAX_SUBIDS];
        size_t n;
        uint64_t total;    /* ids in all of them */
        unsigned bad_line; /* the first line of the user's that cannot be read or used; 0: none */
        char shared[64];   /* another owner of some of the same ids; "" for none */
};

/*
 * The user's ranges in `file` ("etc/subuid" or "etc/subgid"), in the file's order.  No line for
 * the user, or no such file, is n = 0.  Errors: the file is there and cannot be read.
 */
int host_subids_read(const struct host_view *v, const char *file, struct host_subids *ret,
                     struct err *e);

#endif
