#ifndef KELP_SANDBOX_JOIN_H
#define KELP_SANDBOX_JOIN_H

#include "launch.h"
#include "proc.h"

/*
 * Entering a sandbox that runs: one more command, as confined as the payload, by the same steps from
 * the same plan.  Two processes do it, forked one from the other by the supervisor, which has all
 * they need in memory:
 *
 *      joiner    stays in the host's pid namespace, where nobody inside sees it; enters all the other
 *                namespaces of the sandbox, and watches over the command
 *      command   is born in the sandbox's pid namespace, confines itself and executes
 *
 * What must hold: the payload may be looking on.  So the joiner is undumpable and has no descriptor
 * of the host but the command's streams before it enters anything; the command inherits that, and
 * nothing that the payload can change decides what it is confined to: neither names in the root (the
 * Landlock rules are the payload's own, by descriptor) nor the payload's namespaces (they are those
 * that were made for pid 1).
 */
/*
 * The joiner's children, in memory that the supervisor shares: should the joiner be killed, they are
 * the supervisor's to end and to reap, and nobody else may be there to do it.  A sandbox cannot end
 * while there are any.  0: none.
 */
struct join_children {
        pid_t command;
        pid_t probe; /* of join_is_over() */
};

struct join {
        const struct launch *launch; /* of the payload */
        const struct run_entry *entry;
        const struct plan *plan; /* the same, with the command, environment, ... of this one */
        mode_t umask;
        struct join_children *children;
};

/* The command, seen from the joiner, whose child it is. */
struct joined {
        struct child child;
        int pipe;        /* for payload_let_go() and payload_await(); -1: none */
        int pty_master;  /* -1: it has no terminal */
        unsigned on_pty; /* bit n: standard stream n is that terminal */
};

#define JOINED_NONE                                                                                \
        {                                                                                          \
                .child = CHILD_NONE, .pipe = -1, .pty_master = -1                                  \
        }

/* Kills the command if it is still there, and reaps it. */
void join_done(const struct join *j, struct joined *c);

/*
 * In the joiner, with the command's streams as its own: enters the namespaces.  From here on no name
 * leads to the host.
 */
int join_enter(const struct join *j, struct err *e);

/* Forks the command, and waits until it has its terminal and knows who it is to be. */
int join_start(const struct join *j, struct joined *ret, struct err *e);

/* Whether the sandbox has ended: nothing can be started in its pid namespace any more. */
bool join_is_over(const struct join *j);

#endif
