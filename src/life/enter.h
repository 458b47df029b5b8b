#ifndef KELP_LIFE_ENTER_H
#define KELP_LIFE_ENTER_H

#include "control.h"
#include "join.h"

/*
 * kelp exec, the supervisor's side.  The supervisor has the plan, the view, the filter and the maps
 * of the sandbox in memory, and so forks a joiner for each request (join.h), which talks to whoever
 * asks over the connection that the request came by:
 *
 *      kelp exec                          joiner                           command
 *         |-- EXEC [memfd, 0, 1, 2] ------->|  (taken by the supervisor)      |
 *         |                                 |  enters the namespaces, forks ->|
 *         |<- DONE streams [pty master] ----|                                 |  executes
 *         |-- SIGNAL n -------------------->|-- to its process group -------->|
 *         |<- EXITED wait-status -----------|<- ends -------------------------|
 *
 * FAILED may come in the place of DONE, with the step that failed (STEP_EXEC: there is no such
 * command), and of EXITED, when the sandbox has ended and the command with it.  When the other side
 * of the connection is closed the command gets SIGHUP, and SIGKILL after ENTER_GRACE_NS.
 */

#define ENTER_GRACE_NS 2000000000u

/* Of one sandbox at a time. */
#define ENTER_MAX 256

/* A joiner, and what it leaves behind should it be killed. */
struct enter_slot {
        pid_t joiner; /* 0: none, or it was reaped */
        struct join_children children;
};

/* For the supervisor to reap; in memory that it shares with the joiners.  NULL: there was none. */
struct enter_list {
        struct enter_slot *slots; /* ENTER_MAX */
};

/*
 * Takes request `r` of type EXEC; what comes of it is the joiner's to say, so the caller closes its
 * end of the connection.  An error was not told yet.
 */
int enter_start(struct enter_list *list, const struct launch *l, const struct run *run,
                const struct control_request *r, struct err *e);

/* When a child of the supervisor has ended. */
void enter_reap(struct enter_list *list);

void enter_list_done(struct enter_list *list);

#endif
