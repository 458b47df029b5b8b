#ifndef KELP_LIFE_GUARD_H
#define KELP_LIFE_GUARD_H

#include "err.h"
#include "proc.h"

#include <termios.h>

/*
 * Who dies by SIGKILL restores nothing.  The guard is a small process in a group of its own that
 * knows the modes of the user's terminal and sees the launcher end, because a pipe does: it then
 * puts them back, if they are still those that the launcher had set.
 */

struct guard {
        struct child child;
        int pipe; /* its end is the launcher's end; -1: no guard */
};

#define GUARD_NONE                                                                                 \
        {                                                                                          \
                .child = CHILD_NONE, .pipe = -1                                                    \
        }

/* Forks the guard of the terminal `tty`. */
int guard_start(struct guard *g, int tty, struct err *e);

/*
 * From now on the terminal's modes are to be `saved` again if they are found to be `raw`, or `next`,
 * which the caller is about to set in their place.  A guard that is gone is nobody's error.
 */
void guard_set(struct guard *g, const struct termios *raw, const struct termios *next,
               const struct termios *saved);

/* There is nothing to restore any more. */
void guard_clear(struct guard *g);

void guard_done(struct guard *g);

/*
 * Puts the modes of `tty` back to `saved` if they are `raw`: whoever changed them in between, a
 * pager in the same pipeline or the user's shell, knows better.
 */
void guard_restore(int tty, const struct termios *raw, const struct termios *saved);

#endif
