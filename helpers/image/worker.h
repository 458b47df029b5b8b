#ifndef KELP_IMAGE_WORKER_H
#define KELP_IMAGE_WORKER_H

#include "err.h"
#include "id-map.h"
#include "store.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process in a jail (jail.h) that reads what strangers wrote: an archive, or blobs of the store.
 * It writes to the session alone; what it found comes back as one report.
 */

enum worker_message { WORKER_FAILED = 1, WORKER_DONE };

struct worker_report {
        uint32_t message; /* enum worker_message */
        uint32_t n_ignored;
        uint64_t devices;
        char architecture[32];
        struct err err;
};

struct worker {
        const struct store *store;
        const struct session *session;
        int input;                  /* a file or directory; -1: none */
        const struct id_maps *maps; /* of its user namespace; NULL: the user's own id */
        /* what it does, in the jail */
        int (*work)(const struct worker *w, struct worker_report *ret, struct err *e);
        const void *job; /* for work() */
};

/*
 * Runs it to its end, or until a signal ends the program: *ret_signal, which was 0, and EINTR.
 */
int worker_run(const struct worker *w, struct worker_report *ret, int *ret_signal, struct err *e);

#endif
