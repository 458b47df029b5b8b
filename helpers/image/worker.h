#ifndef KELP_IMAGE_WORKER_H
#define KELP_IMAGE_WORKER_H

#include "err.h"
#include "id-map.h"
#include "ref.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process in a jail (jail.h) that reads what strangers wrote: an archive, blobs of the store, or
 * what a sandbox has changed.  It writes to the session alone, or to one open file, if there is
 * one; what it found comes back as one report, and notes before it.
 */

enum worker_message { WORKER_FAILED = 1, WORKER_DONE, WORKER_NOTE };

struct worker_report {
        uint32_t message; /* enum worker_message */
        uint32_t note;    /* of a note: what it is about, by the work's own numbers */
        uint32_t n_ignored;
        uint64_t entries;
        uint64_t sockets;
        uint64_t devices;
        uint64_t attrs;
        char architecture[32];
        char tag[REF_MAX + 1]; /* see struct unpack_job */
        struct err err;
};

#define WORKER_MORE 2

struct worker {
        const struct store *store;     /* it reads the blobs */
        const struct session *session; /* it writes to; NULL: to none */
        bool reads_store;              /* no session: it may read the whole store */
        int layers;                    /* directory of unpacked layers that it reads; -1: none */
        int input;                     /* a file or directory that it reads; -1: none */
        int more[WORKER_MORE];         /* what it keeps besides: each >= 3 */
        size_t n_more;
        const struct id_maps *maps; /* of its user namespace; NULL: the user's own id */
        bool keeps_ids;             /* no maps: it stays among the ids that we are root of, and
                                       reads the files of all of them */
        /* what it does, in the jail */
        int (*work)(const struct worker *w, struct worker_report *ret, struct err *e);
        const void *job; /* for work() */
        int report;      /* set in the jail */
        /* gets the notes, in the caller; NULL: there are none */
        void (*note)(void *context, unsigned note, const char *text);
        void *note_context;
};

/* In the jail: a note to the caller; 0 says nothing of what it is about. */
int worker_note(const struct worker *w, unsigned note, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/*
 * Runs it to its end, or until a signal ends the program: *ret_signal, which was 0, and EINTR.
 */
int worker_run(const struct worker *w, struct worker_report *ret, int *ret_signal, struct err *e);

#endif
