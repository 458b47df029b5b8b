/* Layers for subordinate ids, from the blobs of the store: when a run needs them. */

#include "subids.h"

#include "fd.h"
#include "import.h"
#include "str.h"
#include "unpack.h"
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the jail. */
static int work(const struct worker *w, struct worker_report *ret, struct err *e)
{
        autofree struct unpack_job *job = mem_alloc(sizeof(*job), e);

        (void)ret;
        if (!job)
                return -e->code;
        job->session = w->session->dir;
        job->session_blobs = w->session->blobs;
        job->session_layers = w->session->layers;
        job->session_records = w->session->records;
        job->store_blobs = w->store->blobs;
        job->store_layers = w->store->layers[STORE_SUBIDS];
        job->store_images = -1;
        job->maps = w->maps;
        int r = unpack_stored(job, w->job, e);
        unpack_done(job);
        return r;
}

static int read_image(const struct store *store, const struct digest *id, struct image *ret,
                      struct err *e)
{
        if (store_read_image(store->images, id->hex, ret, e) == 0)
                return 0;
        if (e->code == ENOENT)
                return err_set(e, ENOENT, "the image 'sha256:%s' was removed", id->hex);
        return -e->code;
}

/* Under the lock again: without the image the layers would be nobody's. */
static int commit(const struct store *store, const struct session *session, const struct digest *id,
                  struct err *e)
{
        int layers = store->layers[STORE_SUBIDS];
        autoimage image = { 0 };

        if (syncfs(session->dir) < 0)
                return err_sys(e, "cannot sync the image store");
        autofd lock = store_lock(store, e);
        if (lock < 0 || read_image(store, id, &image, e) < 0)
                return -e->code;
        for (size_t i = 0; i < image.n_layers; i++) {
                if (import_move_layer(store, STORE_SUBIDS, session, &image.layers[i], e) < 0)
                        return -e->code;
        }
        return fsync(layers) < 0 ? err_sys(e, "cannot sync the image store") : 0;
}

static int prepare(const struct store *store, const struct session *session,
                   const struct digest *id, const struct id_maps *maps, struct image *ret,
                   struct err *e)
{
        autofd lock = store_lock(store, e);

        if (lock < 0 || read_image(store, id, ret, e) < 0)
                return -e->code;
        return subids_take(store, session, maps, e);
}

int subids_unpack(const struct store *store, const struct digest *id, const struct id_maps *maps,
                  int *ret_signal, struct err *e)
{
        struct session session = SESSION_NONE;
        autoimage image = { 0 };
        struct worker worker = {
                .store = store,
                .session = &session,
                .layers = store->layers[STORE_SUBIDS],
                .input = -1,
                .maps = maps,
                .work = work,
                .job = &image,
        };
        struct worker_report report = { 0 };
        struct err cleanup = { 0 };

        int r = session_open(store, &session, e);
        if (r == 0)
                r = prepare(store, &session, id, maps, &image, e);
        if (r == 0)
                r = worker_run(&worker, &report, ret_signal, e);
        if (r == 0)
                r = commit(store, &session, id, e);
        /* what cannot be removed now is swept later */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        return r;
}
