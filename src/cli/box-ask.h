#ifndef KELP_CLI_BOX_ASK_H
#define KELP_CLI_BOX_ASK_H

#include "control.h"
#include "state.h"

/* What the commands about sandboxes ask a supervisor, or its status once it is gone. */

/* What a sandbox is called in an answer: as it was given, else by its name, else by its id. */
const char *box_ask_name(const struct box_status *status, const char *word);

/*
 * A supervisor that is stopped, with the job of its shell, answers nobody: -EBUSY, but for who waits
 * for the end, or wants to bring it about, for which box_ask() lets it go on.
 */
int box_ask_judge(const struct box_status *status, enum control_type type, struct err *e);

/*
 * Sends one request and returns the connection, the caller's.  -1 with e->code 0: nobody supervises
 * the sandbox any more, and how it ended is in its status.
 */
int box_ask(const struct state *s, const struct box_status *status, enum control_type type,
            int value, const int *fds, size_t n_fds, struct err *e);

/*
 * How it ended, as the status has it once nobody supervises it; -1: nobody knows.  -ENOENT: it was
 * removed with its end.
 */
int box_ask_status(const struct state *s, const char *id, const char *name, int *ret,
                   struct err *e);

/* What to say then.  Returns a negative errno. */
int box_ask_lost(const char *name, struct err *e);

#endif
