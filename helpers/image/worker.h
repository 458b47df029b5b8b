#ifndef KELP_IMAGE_WORKER_H
#define KELP_IMAGE_WORKER_H

#include "err.h"
#include "id-map.h"
#include "ref.h"
#include "store.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process in a jail (jail.h) that reads what strangers wrote: an archive, or blobs of the store.
 * It writes to the session alone, if there is one; what it found comes back as one report, and
 * notes before it.
 */

enum worker_message { WORKER_FAILED = 1, WORKER_DONE, WORKER_NOTE };

struct worker_report {
        uint32_t message; /* enum worker_message */
        uint32_t n_ignored;
        uint64_t devices;
        char architecture[32];
        char tag[REF_MAX + 1]; /* see struct unpack_job */
        struct err err;
};

struct worker {
        const struct store *store;
        const struct session *session; /* NULL: it may read the whole store, and write nowhere */
        int input;                     /* a file or directory; -1: none */
        const struct id_maps *maps;    /* of its user namespace; NULL: the user's own id */
        /* what it does, in the jail */
        int (*work)(const struct worker *w, struct worker_report *ret, struct err *e);
        const void *job; /* for work() */
        int report;      /* set in the jail */
        /* gets the notes, in the caller; NULL: there are none */
        void (*note)(void *context, const char *text);
        void *note_context;
};

/* In the jail: a note to the caller. */
int worker_note(const struct worker *w, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Runs it to its end, or until a signal ends the program: *ret_signal, which was 0, and EINTR.
 */
int worker_run(const struct worker *w, struct worker_report *ret, int *ret_signal, struct err *e);

#endif
