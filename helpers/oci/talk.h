#ifndef KELP_OCI_TALK_H
#define KELP_OCI_TALK_H

#include "err.h"
#include "notice.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What the processes of a launch say to each other, over SEQPACKET sockets.  The launcher has one end
 * of the first, the stage and the container's first process have the other; a second one leads from the
 * stage to first; and each `start` connects to the socket `start`, on which first listens.
 *
 *      launcher                        stage                       first
 *         |  clone3(NEWUSER) ----------->|
 *         |  writes the maps             |  unshares what needs none
 *         |<- UNSHARED ------------------|  (only where it enters others before a user namespace of
 *         |-- MAPPED ------------------->|   its own, and so makes that itself)
 *         |<- CLONED pid ----------------|  clone(PARENT) ------------>|
 *         |                              |-- CLONED pid -------------->|  which speaks from now on
 *         |-- MAPPED ------------------------------------------------->|  (where first is born before
 *         |                              |                             |   there are maps: stage.c)
 *         |                              |  makes the network          |  builds the root
 *         |                              |-- NETWORK [netns] --------->|  joins it
 *         |                              |  exits                      |
 *         |<- SOURCE index ------------------------------------------- |  (only for a bind that it cannot
 *         |-- MOUNT [mount] or FAILED -------------------------------->|   reach from where it is)
 *         |<- BUILT ---------------------------------------------------|  (BUILT and GO only where there
 *         |  hooks prestart, createRuntime                             |   are hooks at this point)
 *         |-- GO ----------------------------------------------------->|  hooks createContainer, pivots
 *         |<- READY ---------------------------------------------------|
 *         |  writes down what there is                                 |
 *         |-- KEEP --------------------------------------------------->|  from now on it lives alone
 *
 *      `start`
 *         |-- START -------------------------------------------------->|  hooks startContainer
 *         |<- NOTIFY [socket] ----------------------------------------|  (only where there is one)
 *         |<- EXECUTING -----------------------------------------------|  executes: the end of the stream
 *
 * NOTICE and DEBUG may come from either child at any time: notice.h.  FAILED may come in the place
 * of any message.  The end of the stream before KEEP is failure on both sides, and so is the one before
 * EXECUTING; so is a message that is not the one awaited.
 */
enum talk_type {
        TALK_UNSHARED = 1,
        TALK_MAPPED,
        TALK_CLONED,
        TALK_NETWORK,
        TALK_BUILT,
        TALK_GO,
        TALK_SOURCE,
        TALK_MOUNT,
        TALK_READY,
        TALK_KEEP,
        TALK_START,
        TALK_NOTIFY,
        TALK_EXECUTING,
        TALK_NOTICE,
        TALK_DEBUG,
        TALK_FAILED,
};

struct talk_msg {
        uint32_t type;
        int32_t value;  /* a pid; of SOURCE the index of a mount */
        struct err err; /* of FAILED, NOTICE and DEBUG */
};

/* Sends one message with the descriptor `fd` (-1: none), which stays the caller's. */
int talk_send(int sock, enum talk_type type, int value, int fd, struct err *e);

/* These say nothing of their own failure: there is nobody left to tell. */
void talk_send_failed(int sock, const struct err *why);
void talk_send_notice(int sock, const char *text);
void talk_send_debug(int sock, const char *text);

/*
 * Takes one message of any type but NOTICE and DEBUG, which go to `notice` (NULL: nobody).  Returns 1, or 0 at the
 * end of the stream.  *ret_fd is the caller's, -1 where none came.
 */
int talk_receive(int sock, const struct notice *notice, struct talk_msg *ret, int *ret_fd,
                 struct err *e);

/*
 * Waits for the message `type`.  FAILED gives the sender's own error in `e`; the end of the stream and
 * any other message are errors that name `peer`.  ret_value may be NULL; where ret_fd is not, exactly one
 * descriptor must come along, which is the caller's.
 */
int talk_await(int sock, enum talk_type type, const char *peer, const struct notice *notice,
               int *ret_value, int *ret_fd, struct err *e);

/* The same for a message without a descriptor; returns 1 where `other` came in its place, which may. */
int talk_await_or(int sock, enum talk_type type, enum talk_type other, const char *peer,
                  const struct notice *notice, int *ret_value, struct err *e);

#endif
