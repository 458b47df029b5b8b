#ifndef KELP_LIFE_IMAGE_COPY_H
#define KELP_LIFE_IMAGE_COPY_H

#include "image-root.h"
#include "plan.h"
#include "proc.h"

/*
 * A copy of an image's files, where this machine mounts no overlay of them.  kelp-image makes it in
 * the user's store, and removes it when the run is over, also because we are gone: its flatten.h has
 * the conversation.
 */
struct run_copy {
        struct child helper;
        int said;    /* its standard error; -1: there is no copy */
        int sock;    /* our end of the conversation */
        int session; /* the directory that has the copy, with its lock */
        int root;    /* the copy itself */
        char *path;  /* not here: each sandbox would have the room for it on its stack */
};

#define RUN_COPY_NONE                                                                              \
        {                                                                                          \
                .helper = CHILD_NONE, .said = -1, .sock = -1, .session = -1, .root = -1            \
        }

/* Makes it.  The plan's layers are held; the copy's files all belong to the user. */
int run_copy_make(const struct plan *p, struct run_copy *ret, struct err *e);

/* Before the payload may start: it is not removed under pid 1, of whom this is a pidfd. */
int run_copy_bind(const struct image_copy *copy, int init, struct err *e);

/* Has it removed, and waits for that, which takes its time.  A failure is an error of its own. */
int run_copy_remove(struct run_copy *copy, struct err *e);

#endif
