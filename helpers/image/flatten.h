#ifndef KELP_IMAGE_FLATTEN_H
#define KELP_IMAGE_FLATTEN_H

#include "err.h"
#include "store.h"
#include "worker.h"

#include <stddef.h>

/*
 * A copy of an image's files, for a run on a machine that mounts no overlay: the layers one upon the
 * other in a directory of a session, which belongs to that one run and ends with it.  Contents are
 * shared with the store where the file system can do that for each writer alone (FICLONE), and
 * copied elsewhere; a hard link would let the run change the store.
 *
 * A process in a jail makes it.  Whoever asked for it and this process talk over one SEQPACKET
 * socket pair:
 *
 *      the path of the copy, and the session's directory, which has its lock    to kelp
 *      a byte, and a pidfd of pid 1 of the sandbox, before its command starts   from kelp
 *      the end: kelp needs the copy no more, or is gone                         from kelp
 *
 * The lock belongs to both: as long as either lives, no import takes the copy for what a crash has
 * left.  When kelp was killed its sandbox goes, too, and then the copy: not before, or the last that
 * is written in there would stay.
 */

struct flatten_request {
        char *const *layers; /* diff-ids, the lowest first; NULL-terminated */
        size_t n_layers;
        const char *directory; /* a plain directory instead, or NULL */
        int sock;              /* the conversation */
};

/*
 * Makes the copy, gives it away, and removes it when it is needed no more.  *ret_signal as of
 * worker_run().  The caller is root of the one id that the sandbox has, in a user namespace.
 */
int flatten_serve(const struct store *store, const struct flatten_request *request, int *ret_signal,
                  struct err *e);

/* ------ flatten-child.c: the part of it in the jail ------ */

struct flatten_job {
        int root; /* empty */
        const struct flatten_request *request;
};

int flatten_child(const struct worker *w, struct worker_report *ret, struct err *e);

#endif
