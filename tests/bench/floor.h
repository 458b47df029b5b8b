#ifndef KELP_BENCH_FLOOR_H
#define KELP_BENCH_FLOOR_H

#include <stdbool.h>
#include <sys/types.h>

/* What the floor is asked to launch. */
struct floor_plan {
        const char *lower; /* lowerdir of an overlay root, or NULL: a view of this host */
        bool no_filter;    /* for the price of the filter on a payload */
        char **argv;
        uid_t uid; /* the user's own */
        gid_t gid;
};

/* What one part leaves for the next. */
struct floor_state {
        char workdir[4096]; /* of the payload */
        int max_userns;     /* open for writing */
};

/* The result of a kernel call: ends the process with the name of the call when it failed. */
long must(const char *what, long result);

/* Builds the root in pid 1's mount namespace, enters it and detaches the host's. */
void root_build(const struct floor_plan *p, int cwd, struct floor_state *ret);

/* From loopback to Landlock, in pid 1. */
void confine_init(const struct floor_plan *p, const struct floor_state *state);

/* What pid 1 gives up once the payload runs. */
void confine_init_last(const struct floor_plan *p, int sock);

/* From the limits to the filter, in the payload, just before exec. */
void confine_payload(const struct floor_plan *p, const struct floor_state *state);

#endif
