#ifndef KELP_LIFE_STATE_INNER_H
#define KELP_LIFE_STATE_INNER_H

#include "state.h"

/* What the parts of state.h have in common. */

/* Makes what is missing.  Who wants no names may not get that directory. */
int state_open_or_make(bool wants_names, struct state *ret, struct err *e);

/* The box's directory and lock file, -1 with errno in e->code; ENOENT: it is gone. */
int state_open_lock(const struct state *s, const char *id, int *ret_dir, int *ret_lock,
                    struct err *e);

int state_read_dir(int dir, struct box_status *ret, struct err *e);
int state_write_dir(int dir, const struct box_status *status, struct err *e);

/*
 * Looks after a box: sweeps it if nobody supervises it.  *ret_alive: somebody does.  -ENOENT: it is
 * gone, or went now.
 */
int state_look(const struct state *s, const char *id, struct box_status *ret, bool *ret_alive,
               struct err *e);

/* Removes the box, whose lock is held.  `name`: what it is called, "" for nothing, NULL: not known. */
int state_erase(const struct state *s, const char *id, const char *name, int dir, struct err *e);

/* The id that `name` leads to; false: none. */
bool state_follow_name(const struct state *s, const char *name, char id[BOX_ID_SIZE]);

#endif
