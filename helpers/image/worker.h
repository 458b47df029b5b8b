#ifndef KELP_IMAGE_WORKER_H
#define KELP_IMAGE_WORKER_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A function in a process in a jail (jail.h), and what it says at its end. */

enum worker_count { WORKER_ENTRIES, WORKER_SOCKETS, WORKER_DEVICES, WORKER_COUNTS };

struct worker_result {
        uint64_t count[WORKER_COUNTS];
};

#define WORKER_FDS 8

struct worker {
        int (*run)(void *context, struct worker_result *ret, struct err *e);
        void *context;
        int fds[WORKER_FDS]; /* what it keeps: each >= 3, in no order */
        size_t n_fds;
        int writable; /* a directory among them; -1: none */
        const int *readable;
        size_t n_readable; /* directories among them */
        bool keeps_ids;
};

/* Runs it and waits.  After an error *ret_signal is the signal that ended it, or 0. */
int worker_run(const struct worker *w, struct worker_result *ret, int *ret_signal, struct err *e);

#endif
