#include "commit.h"

#include "commit-child.h"
#include "fd.h"
#include "import.h"
#include "kept.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the sandbox was made from, as the store has it. */
static int find_image(const struct store *store, const struct kept *kept, const char *sandbox,
                      struct image *ret, struct err *e)
{
        autoimage record = { 0 };

        if (store_read_image(kept->dir, "image", &record, e) < 0) {
                if (e->code != ENOENT)
                        return err_prefix(e, "the sandbox '%s'", sandbox);
                err_set(e, EINVAL, "the sandbox '%s' was not made from an image of the store",
                        sandbox);
                return err_hint(e, "make an image of the directory, and run that: "
                                   "tar -C DIRECTORY -cf - . | kelp import - NAME");
        }
        if (store_read_image(store->images, record.id.hex, ret, e) < 0)
                return err_prefix(e, "the image of the sandbox '%s'", sandbox);
        return 0;
}

/*
 * The layers that the sandbox had below its changes: whose ids own its files owns those of the
 * layers, too.  Under a sandbox that is kept they stay, unless other ids have taken their place.
 */
static int choose_layers(const struct store *store, const struct kept *kept,
                         const struct image *image, int *ret, struct err *e)
{
        struct stat st;
        bool has_subids = fstatat(kept->dir, "subids", &st, AT_SYMLINK_NOFOLLOW) == 0;

        if (!has_subids && errno != ENOENT)
                return err_sys(e, "cannot look at the sandbox");
        int dir = store->layers[has_subids ? STORE_SUBIDS : STORE_SINGLE];
        for (size_t i = 0; i < image->n_layers; i++) {
                if (dir >= 0 && fstatat(dir, image->layers[i].hex, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;
                err_set(e, ENOENT, "the layers of its image are not unpacked for its ids");
                return err_hint(e, "run the sandbox once more");
        }
        *ret = dir;
        return 0;
}

static int make_directory(int dir, const char *name, struct err *e)
{
        if (mkdirat(dir, name, 0700) < 0)
                return err_sys(e, "cannot make a temporary directory in the image store");
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? err_sys(e, "cannot open a temporary directory in the image store") : fd;
}

static int link_blobs(const struct store *store, const struct image *image, int layout_blobs,
                      struct err *e)
{
        for (size_t i = 0; i < image->store.n_blobs; i++) {
                const char *name = image->store.blobs[i].hex;

                if (linkat(store->blobs, name, layout_blobs, name, 0) < 0 && errno != EEXIST)
                        return err_sys(e, "cannot use '%s' of the image store", name);
        }
        return 0;
}

static int run_child(const struct store *store, const struct kept *kept,
                     const struct session *session, const struct commit_job *job,
                     struct commit_result *ret, struct err *e)
{
        const struct worker worker = {
                .store = store,
                .session = session,
                .layers = job->layers,
                .input = kept->dir,
                .more = { job->layout, job->layout_blobs },
                .n_more = 2,
                .keeps_ids = true,
                .work = commit_child,
                .job = job,
        };
        struct worker_report report = { 0 };

        if (worker_run(&worker, &report, &ret->signal, e) < 0)
                return -e->code;
        ret->entries = report.entries;
        ret->sockets = report.sockets;
        ret->devices = report.devices;
        ret->attrs = report.attrs;
        return 0;
}

static int import_layout(const struct store *store, const struct session *session, const char *name,
                         struct commit_result *ret, struct err *e)
{
        struct import_request request = { .name = name };
        struct import_result result;
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/tmp/%s/" SESSION_LAYOUT, store->path, session->name) >=
            (int)sizeof(path))
                return err_set(e, ENAMETOOLONG, "the path of the image store is too long");
        request.file = path;
        int r = import_run(store, &request, &result, e);
        ret->signal = result.signal;
        ret->id = result.id;
        ret->has_moved = result.has_moved;
        ret->old_id = result.old_id;
        return r;
}

static int commit_in_session(const struct store *store, const struct kept *kept,
                             const struct session *session, const struct image *image,
                             const char *name, struct commit_result *ret, struct err *e)
{
        int layers = -1;

        if (choose_layers(store, kept, image, &layers, e) < 0)
                return -e->code;
        autofd layout = make_directory(session->dir, SESSION_LAYOUT, e);
        autofd outer = layout < 0 ? -1 : make_directory(layout, "blobs", e);
        autofd inner = outer < 0 ? -1 : make_directory(outer, "sha256", e);

        if (inner < 0)
                return -e->code;
        struct commit_job job = {
                .kept = kept->dir,
                .blobs = store->blobs,
                .layers = layers,
                .layout = layout,
                .layout_blobs = inner,
                .image = image,
                .name = name,
        };
        if (run_child(store, kept, session, &job, ret, e) < 0 ||
            link_blobs(store, image, inner, e) < 0)
                return -e->code;
        return import_layout(store, session, name, ret, e);
}

int commit_run(const struct store *store, const char *sandbox, const char *name,
               struct commit_result *ret, struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };
        autokept kept = KEPT_NONE;
        autoimage image = { 0 };

        *ret = (struct commit_result){ 0 };
        if (kept_open(store, sandbox, &kept, e) < 0 ||
            find_image(store, &kept, sandbox, &image, e) < 0)
                return -e->code;
        int r = session_claim(store, e);
        if (r == 0)
                r = session_open(store, &session, e);
        if (r == 0)
                r = commit_in_session(store, &kept, &session, &image, name, ret, e);
        /* what cannot be removed now is swept by the next import */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        return r;
}
