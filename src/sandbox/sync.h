#ifndef KELP_SANDBOX_SYNC_H
#define KELP_SANDBOX_SYNC_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What the processes of a launch say to each other, over SEQPACKET socketpairs.  The launcher has
 * one end of the first; the stage and pid 1 have the other.  A second one leads from the stage to
 * pid 1.  The payload has none.
 *
 *      launcher                         stage                       pid 1
 *         |  clone3(NEWUSER) ------------>|
 *         |  writes the maps              |
 *         |-- MAPPED -------------------->|
 *         |  judges the sources           |  unshare, clone(PARENT) --->|
 *         |<- CLONED pid -----------------|                             |  the base of the root
 *         |-- VIEW  (see launch.h) ------------------------------------>|
 *         |                               |  makes the network          |  builds the root
 *         |                               |-- NETNS [netns] ----------->|  joins it
 *         |<- NETNS [netns, userns] ------|                             |
 *         |  starts slirp4netns             (only for the user network) |
 *         |<- ENTRY [namespaces] ---------|  exits                      |
 *         |                                                             |  pivots
 *         |<- READY [pty master] [proc, tmpfs] --------------------------|
 *         |  holds back signals                                         |  forks the payload,
 *         |-- GO  (and slirp4netns is ready) -------------------------->|  audits, confines itself
 *         |<- RULES [Landlock's] ---------------------------------------|  (from the payload)
 *         |<- STARTED --------------------------------------------------|  lets it execute
 *         |-- SIGNAL n, FREEZE, RESUME ---------------------------- ... |
 *         |<- STOPPED n, CONTINUED -------------------------------- ... |
 *         |<- EXITED wait-status ---------------------------------------|  exits
 *
 * Nobody waits who has something to do: the sources are judged beside the namespaces, the network,
 * which is the most expensive thing of a launch, is made beside the root.
 *
 * ENTRY comes before or after READY, and even after RULES, for which the payload does not wait for GO:
 * nobody waits for either, for whoever enters the sandbox later has use for them alone.  A kernel
 * without Landlock has no RULES.
 *
 * FAILED may come from either child in the place of any message.  The end of the stream before GO
 * is failure on both sides; so is a message that is not the one awaited.
 */

enum sync_type {
        SYNC_MAPPED = 1,
        SYNC_VIEW,
        SYNC_CLONED,
        SYNC_NETNS,
        SYNC_ENTRY,
        SYNC_READY,
        SYNC_GO,
        SYNC_RULES,
        SYNC_STARTED,
        SYNC_SIGNAL,
        SYNC_FREEZE,
        SYNC_RESUME,
        SYNC_STOPPED,
        SYNC_CONTINUED,
        SYNC_EXITED,
        SYNC_FAILED,
};

struct sync_msg {
        uint32_t type;
        int32_t value;  /* a pid, a signal, a wait status; of RESUME: 1 in front, 0 behind */
        struct err err; /* of FAILED */
};

/* Sends one message with `n_fds` descriptors, which stay the caller's. */
int sync_send(int sock, enum sync_type type, int value, const int *fds, size_t n_fds,
              struct err *e);

/* Sends FAILED with `why`; says nothing of its own failure: there is nobody left to tell. */
void sync_send_failed(int sock, const struct err *why);

/*
 * Waits for the message `type`.  FAILED gives the sender's own error in `e`; the end of the stream
 * and any other message are errors that name `peer`.  *ret_value and fds may be NULL/0; exactly
 * `n_fds` descriptors must come along and belong to the caller.
 */
int sync_await(int sock, enum sync_type type, int *ret_value, int *fds, size_t n_fds,
               const char *peer, struct err *e);

/*
 * The same for a message of any other type than FAILED, with at most IO_MAX_FDS descriptors, which
 * are the caller's.
 */
int sync_await_any(int sock, struct sync_msg *ret, int *fds, size_t *ret_n_fds, const char *peer,
                   struct err *e);

/*
 * Takes one message of any type into *ret, without descriptors: for the supervising loops.
 * Returns 1, or 0 at the end of the stream.
 */
int sync_receive(int sock, struct sync_msg *ret, struct err *e);

#endif
