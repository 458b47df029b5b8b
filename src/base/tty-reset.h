#ifndef KELP_BASE_TTY_RESET_H
#define KELP_BASE_TTY_RESET_H

/*
 * A terminal that shows what others than kelp have written, who may have left it so that it hides
 * or swallows what comes next, or makes input of what the mouse does.
 */

/*
 * Ends a sequence that was begun, and concealed, frozen or otherwise unreadable output; the mouse
 * and what is pasted are reported no more.  Writes to such a terminal alone, and not where TERM is
 * dumb; a failure has no reader.
 */
void tty_reset(int fd);

/* The same, of all there is: standard output and error, each once. */
void tty_reset_outputs(void);

#endif
