#ifndef KELP_BENCH_FLOOR_H
#define KELP_BENCH_FLOOR_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

/* What the floor is asked to launch. */
struct floor_plan {
        const char *lower; /* lowerdir of an overlay root, or NULL: a view of this host */
        bool no_filter;    /* for the price of the filter on a payload */
        char **argv;
        uid_t uid; /* the user's own */
        gid_t gid;
        cpu_set_t cpus; /* that the launcher may use */
};

/* What one part leaves for the next. */
struct floor_state {
        char workdir[4096]; /* of the payload */
        int max_userns;     /* open for writing */
        int stage;          /* the tmpfs that the root, or its upper layer, lies in */
        int root;           /* of the new root */
        int null;           /* the host's /dev/null */
};

/* The result of a kernel call: ends the process with the name of the call when it failed. */
long must(const char *what, long result);

/* What the launcher looks at on the host before it lets the root be built. */
void look_at_host(const struct floor_plan *p, int cwd);

/* What pid 1 and the payload look at of what they have become. */
void look_at_mounts(void);
void look_at_namespaces(void);

/* Starts the root in pid 1's mount namespace; then builds it, all but /sys. */
void root_start(const struct floor_plan *p, struct floor_state *ret);
void root_build(const struct floor_plan *p, int cwd, struct floor_state *ret);

/* What shows the network; then enters the new root and detaches the host's. */
void root_enter(const struct floor_plan *p, const struct floor_state *state);

/* Loopback of a new network namespace, in the stage. */
void loopback_up(void);

/* From the session to the bounding set, in pid 1. */
void confine_init(const struct floor_state *state);

/* What pid 1 gives up before the payload runs: all but two descriptors, a < b. */
void confine_init_last(const struct floor_plan *p, int a, int b);

/* From Landlock to the filter, in the payload. */
void confine_payload(const struct floor_plan *p, const struct floor_state *state);

#endif
