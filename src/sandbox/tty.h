#ifndef KELP_SANDBOX_TTY_H
#define KELP_SANDBOX_TTY_H

#include "err.h"
#include "plan.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The payload's own terminal.  A terminal of the host never reaches it: whoever holds one can type
 * into it (TIOCSTI), change its modes and read what the user types.  Every standard stream that is
 * a terminal outside is replaced by one pty of the sandbox's own devpts; the launcher copies.
 */

struct tty {
        int slave;          /* the pty as the payload sees it; -1: there is none */
        unsigned on_pty;    /* bit n: standard stream n of the payload becomes the slave */
        bool is_background; /* the payload starts in the background of its terminal */
        bool is_leader;     /* whoever enters the terminal leads its session already */
};

#define TTY_NONE                                                                                   \
        {                                                                                          \
                .slave = -1                                                                        \
        }

/*
 * In pid 1, after the pivot: a session of its own and, if a standard stream is a terminal or -t
 * asks for one, a pty as its controlling terminal, with the modes and the size of the user's.
 * Pid 1 leads the session and stays out of the way; as the parent of the payload's process group
 * it keeps that group from being an orphaned one, which Ctrl-Z could not stop.
 * *ret_master is -1 without a terminal; both descriptors belong to the caller.
 */
int tty_open(const struct plan *p, struct tty *ret, int *ret_master, struct err *e);

/*
 * The same for a process that comes from elsewhere and will run the command itself.  Whether the
 * user's terminal has it in its foreground is for the caller to know.
 */
int tty_open_own(const struct plan *p, struct tty *ret, int *ret_master, struct err *e);

/* How many of the standard streams of this process are terminals, or will be: bit n for stream n. */
unsigned tty_streams(const struct plan *p);

/* Gives the slave to whom the payload runs as, so that it can open it again by name. */
int tty_set_owner(const struct tty *t, uid_t uid, struct err *e);

/*
 * In the payload, before exec: default signals, a process group of its own, in the foreground of
 * its terminal unless t->is_background, and the slave in the place of the streams that need it.
 */
int tty_enter(const struct tty *t, struct err *e);

/*
 * Whether the payload owns the terminal from its start.  When only some streams are terminals
 * (`kelp -- ls | less`, `$(kelp -- cmd)`) others may be using it, so the payload starts in the
 * background of its pty and gets the user's terminal when it first reads it or sets its modes:
 * the kernel stops it then with SIGTTIN or SIGTTOU, which the launcher answers.  Pid 1 and the
 * launcher both ask this; a terminal whose foreground is not ours is never owned from the start.
 */
bool tty_is_interactive(const struct plan *p, unsigned on_pty);

#endif
