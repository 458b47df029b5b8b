#ifndef KELP_LIFE_TERMINAL_H
#define KELP_LIFE_TERMINAL_H

#include "guard.h"

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

/*
 * The user's own terminal, which the payload never sees.  While the payload has the terminal it is
 * in raw mode: keys are bytes for the payload's pty, whose line discipline makes of them what the
 * payload asked for.  All signals are blocked when these are called, unless said otherwise.
 */

struct terminal {
        int fd;              /* -1: none of the standard streams is a terminal */
        dev_t device;        /* which terminal it is */
        bool is_nonblocking; /* fd is an open file of our own and does not block */
        bool is_controlling; /* job control applies to fd */
        bool has_jobs;       /* there is a controlling terminal, whatever the streams are */
        bool is_raw;         /* ours for now */
        bool keeps_post;     /* raw mode leaves newlines alone: see terminal_set_post() */
        struct termios raw;
        struct termios saved;
        struct guard guard;
};

#define TERMINAL_NONE                                                                              \
        {                                                                                          \
                .fd = -1, .guard = GUARD_NONE                                                      \
        }

/* Finds the terminal behind the standard streams, if the payload has any of them on a pty. */
int terminal_open(struct terminal *t, unsigned on_pty, struct err *e);

/* Whether it was hung up: the window was closed, the line was lost. */
bool terminal_is_lost(const struct terminal *t);

/* Whether the user's shell has us in the foreground (or there is no job control). */
bool terminal_is_foreground(const struct terminal *t);

/*
 * Raw mode, with what is needed to leave it again.  Call it in the foreground; should we have lost
 * it meanwhile, the kernel stops us here as it does any program (SIGTTOU).
 */
int terminal_take(struct terminal *t, struct err *e);

/*
 * Whether the terminal does its output processing while it is raw.  Where others of a pipeline
 * write to it, too (`kelp -- sh | cat`), it must, but not while the payload draws a screen.
 */
int terminal_set_post(struct terminal *t, bool is_on, struct err *e);

/* The user's modes again, unless somebody else has changed them; nothing when not taken. */
void terminal_release(struct terminal *t);

/* It was taken, but the shell has it now: nothing of it is ours to restore. */
void terminal_forget(struct terminal *t);

/* The payload's terminal `master` gets the size of the user's. */
void terminal_copy_size(const struct terminal *t, int master);

/* Whether the open file `fd` is the terminal itself, and not another one. */
bool terminal_is_same(const struct terminal *t, int fd);

/* Whether `fd` is a terminal that now makes CR LF of a newline. */
bool terminal_adds_returns(int fd);

/*
 * Stops this process by `number`, or its whole process group, and returns when it is continued.
 * False: the signal did not stop us (it is ignored, or the group is orphaned).
 */
bool terminal_stop_self(int number, bool whole_group);

void terminal_done(struct terminal *t);

#endif
