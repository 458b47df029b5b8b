#ifndef KELP_SANDBOX_RUN_H
#define KELP_SANDBOX_RUN_H

#include "cgroup.h"
#include "plan.h"
#include "proc.h"
#include "tree.h"

/* What a run is: pids and descriptors.  What was asked for is struct plan. */

/*
 * Where the sandbox is entered: its namespaces as they were made, and the Landlock rules of its
 * payload.  Both were opened by processes that only kelp has written, and before the payload ran:
 * what the payload does to itself or to its files changes nothing of them.
 */
enum run_namespace {
        RUN_NS_USER,
        RUN_NS_MOUNT,
        RUN_NS_PID,
        RUN_NS_IPC,
        RUN_NS_UTS,
        RUN_NS_CGROUP,
        RUN_NS_NET, /* not of a sandbox with the host's network */
        RUN_NS_COUNT,
};

struct run_entry {
        int namespaces[RUN_NS_COUNT]; /* -1: there is none */
        int rules;                    /* -1: this kernel has no Landlock */
};

struct run {
        int sock;             /* the launcher's end of the conversation; -1: none */
        struct child stage;   /* until pid 1 is ready */
        struct child init;    /* pid 1 of the sandbox, a child of the launcher */
        int pty_master;       /* of the payload's own terminal; -1: it has none */
        unsigned on_pty;      /* bit n: standard stream n of the payload is that terminal */
        struct cgroup cgroup; /* of the sandbox's own */
        int proc;      /* the sandbox's own /proc, for who samples its processes; -1: nobody does */
        int memory_fs; /* the file system in memory that its root lies in, or is written to */
        int netns;     /* of the sandbox, for the network helper; -1: not needed */
        int userns;
        int api_dir; /* of slirp4netns: on a tmpfs that nobody else sees; -1: none */
        struct child slirp;
        int slirp_exit;     /* slirp4netns ends when this is closed; -1: none */
        struct child proxy; /* kelp-proxy on the host, of a filtered network */
        int proxy_control; /* it ends when this is closed; verdicts come here if the plan explains */
        struct child publisher; /* kelp-proxy of published ports, in the sandbox's network */
        int publisher_control;
        struct run_entry entry;
};

#define RUN_NONE                                                                                   \
        {                                                                                          \
                .sock = -1, .cgroup = CGROUP_NONE, .stage = CHILD_NONE, .init = CHILD_NONE,        \
                .pty_master = -1, .proc = -1, .memory_fs = -1, .netns = -1, .userns = -1,          \
                .api_dir = -1, .slirp = CHILD_NONE, .slirp_exit = -1, .proxy = CHILD_NONE,         \
                .proxy_control = -1, .publisher = CHILD_NONE, .publisher_control = -1, .entry = {  \
                        { -1, -1, -1, -1, -1, -1, -1 },                                            \
                        -1                                                                         \
                }                                                                                  \
        }

/* For a sandbox that nobody is let into any more. */
void run_close_entry(struct run_entry *entry);

/* Ends whatever is still there: kills pid 1 (and so the sandbox) and the network helper. */
void run_done(struct run *r);

#endif
