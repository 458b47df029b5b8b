#ifndef KELP_IMAGE_IMPORT_H
#define KELP_IMAGE_IMPORT_H

#include "digest.h"
#include "err.h"
#include "store.h"
#include "worker.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct import_request {
        const char *file;     /* a path; "-": standard input; NULL: the layout of a session */
        int session;          /* without a file: the descriptor of that session; taken over */
        const char *name;     /* whole (ref.h), or NULL; pinned only without a file */
        bool takes_tag;       /* nobody gave the name: that of a docker-archive itself is better */
        const char *path_key; /* or NULL */
};

struct import_result {
        struct digest id;
        uint64_t devices;       /* left out */
        unsigned n_ignored;     /* settings of the configuration that mean nothing */
        char architecture[32];  /* when it is not this machine's, else "" */
        char name[REF_MAX + 1]; /* what the image is called now, or "" */
        bool has_moved;         /* the name stood for another image before: */
        struct digest old_id;
        int signal; /* the import was ended by this signal (and fails); else 0 */
};

/*
 * Imports a file or a layout: into a session by a process in a jail, and from there into the
 * store.  After an error the store is as it was.
 */
int import_run(const struct store *store, struct import_request *request, struct import_result *ret,
               struct err *e);

/* The parts of it in other files. */

/* The file in the session that describes the image: image_write() with its last section. */
#define IMPORT_IMAGE_FILE "image"

/* Reads the input into the session: work() of a worker, whose job is the request. */
int import_work(const struct worker *w, struct worker_report *ret, struct err *e);

/* Moves a layer and its record from the session into the store, unless it has them. */
int import_move_layer(const struct store *store, enum store_mode mode,
                      const struct session *session, const struct digest *d, struct err *e);

/* Moves what the session has into the store. */
int import_commit(const struct store *store, const struct session *session,
                  const struct import_request *request, struct digest *ret_id, struct err *e);

#endif
