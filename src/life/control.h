#ifndef KELP_LIFE_CONTROL_H
#define KELP_LIFE_CONTROL_H

#include "box-status.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How other kelps of the same user speak to the supervisor of a sandbox: over boxes/ID/control, a
 * SEQPACKET socket, one connection a request.
 *
 *      kelp stop, kill, ...            the supervisor
 *         |-- SIGNAL n ------------------->|  to the payload's process group
 *         |<- DONE ------------------------|
 *         |-- STOP seconds --------------->|  the stop signal; SIGKILL after that time
 *         |-- WAIT ----------------------->|
 *         |-- ATTACH [in, out, err] ------>|  what is written to `in` is typed, what the payload
 *         |<- DONE flags ------------------|  writes comes out of the others
 *         |-- SIZE rows<<16|columns ------>|  of the terminal, as often as it changes
 *         |-- END_INPUT ------------------>|  nothing more will be typed, where there is no terminal
 *         |-- EXEC [memfd, 0, 1, 2] ------>|  enter.h
 *         |<- EXITED exit-status ----------|  of the sandbox, when it ends: to STOP, WAIT and ATTACH
 *
 * FAILED may come in the place of any answer.  The peer must be of our own user.  Nothing here
 * blocks the supervisor: an answer that does not fit into the socket ends the connection.
 *
 * The end of the stream without EXITED: the supervisor is gone; what became of the sandbox is in its
 * status, once state_await_end() has returned.
 */

enum control_type {
        CONTROL_SIGNAL = 1,
        CONTROL_STOP,
        CONTROL_WAIT,
        CONTROL_ATTACH,
        CONTROL_SIZE,
        CONTROL_END_INPUT,
        CONTROL_EXEC,
        CONTROL_DONE,
        CONTROL_FAILED,
        CONTROL_EXITED,
};

/* Flags of DONE to ATTACH. */
#define CONTROL_HAS_TTY   1
#define CONTROL_HAS_INPUT 2

struct control_msg {
        uint32_t type;
        int32_t value;
        struct err err; /* of FAILED */
};

#define CONTROL_MAX_FDS 4

/* A message, and whom to answer.  Owns its descriptors. */
struct control_request {
        int sock; /* -1: none */
        struct control_msg msg;
        int fds[CONTROL_MAX_FDS];
        size_t n_fds;
};

#define CONTROL_REQUEST_NONE                                                                       \
        {                                                                                          \
                .sock = -1                                                                         \
        }

void control_request_done(struct control_request *r);

/* The supervisor's listener, non-blocking, in the directory of the box.  The caller's. */
int control_listen(int box_dir, struct err *e);

/*
 * Takes one connection; it is non-blocking.  -1: there is none now, or it is of another user, which
 * is nobody's error.
 */
int control_accept(int listener);

/*
 * Takes one message of a connection into ret->msg and ret->fds; ret->sock is left alone.  Returns 1;
 * 0 when there is none yet; -1 when the connection has ended or what came is no message.
 */
int control_take(int sock, struct control_request *ret);

/* Both return false when the peer does not take it: the connection is of no use any more. */
bool control_answer(int sock, enum control_type type, int value);
bool control_refuse(int sock, const struct err *why);

/*
 * The side of those who ask.  Connects to the supervisor of a box; the descriptor is the caller's.
 * Who listens there has to be the process that the status names, in this pid namespace: a payload
 * that could write to the state directory could otherwise take the descriptors that are sent.
 * Errors: ENOENT, ECONNREFUSED: nobody supervises it (any more); EPERM: it is somebody else.
 */
int control_connect(int box_dir, const struct box_status *status, struct err *e);

int control_send(int sock, enum control_type type, int value, const int *fds, size_t n_fds,
                 struct err *e);

/*
 * Waits for an answer.  Returns its type, 0 at the end of the stream, or a negative errno: FAILED
 * gives the supervisor's own error.
 */
int control_await(int sock, int *ret_value, struct err *e);

#endif
