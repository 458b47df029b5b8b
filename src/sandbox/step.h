#ifndef KELP_SANDBOX_STEP_H
#define KELP_SANDBOX_STEP_H

/*
 * The steps of a launch, in their order.  The number travels in struct err, so that a message, the
 * status stream and the fault tests name the step that failed; step_name() is its stable name.
 */

enum step {
        STEP_NONE,
        /* in the launcher, on the host */
        STEP_SOURCES, /* every source opened and judged once */
        STEP_USERNS,  /* clone3(CLONE_NEWUSER) */
        STEP_ID_MAPS, /* written from outside, read back */
        STEP_NETWORK, /* slirp4netns started and ready */
        STEP_STATE,   /* the run put into the state directory, under its name */
        /* in the stage */
        STEP_NAMESPACES, /* all the others */
        STEP_CLONE_INIT, /* pid 1, by CLONE_PARENT */
        STEP_NETNS,      /* the network namespace, beside pid 1 */
        STEP_LOOPBACK,   /* lo up */
        /* in pid 1 */
        STEP_BIND_LIFE,   /* dies with the launcher */
        STEP_PROPAGATION, /* all mounts private */
        STEP_ROOT,        /* the new root, by descriptor */
        STEP_OVERLAY,     /* an image's layers, as one */
        STEP_STREAMS,     /* files that come in read-only stay so */
        STEP_JOIN_NETNS,  /* pid 1 enters the network namespace */
        STEP_KERNEL_VIEW, /* /sys, which shows that namespace */
        STEP_PIVOT,       /* pivot_root, the old root detached */
        STEP_TERMINAL,    /* own session, own pty */
        STEP_IDENTITY,    /* host name, whom to run as */
        STEP_KEYRING,     /* a fresh session keyring */
        STEP_NESTING,     /* no user namespaces from here on */
        STEP_BOUNDING,    /* bounding set, securebits, no_new_privs */
        STEP_START,       /* fork of the payload */
        STEP_AUDIT,       /* what was built against what was asked; in part in the payload */
        STEP_GO,          /* the launcher's word: signals are held back, the network is up */
        /* in the payload, meanwhile */
        STEP_LANDLOCK,
        STEP_LIMITS,
        STEP_CREDENTIALS, /* ids, groups, capability sets */
        STEP_DESCRIPTORS, /* the standard streams and what was asked for, nothing else */
        STEP_SECCOMP,     /* last: what comes before needs calls that the filter refuses */
        STEP_EXEC,
        /* in the launcher again */
        STEP_SUPERVISE,
        STEP_COUNT,
};

/* "userns", "id-maps", ...; "none" for STEP_NONE. */
const char *step_name(enum step step);

#endif
