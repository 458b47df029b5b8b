/* From a session into the store: the order of the steps is told in store.h. */

#include "import.h"

#include "fd.h"
#include "index.h"
#include "io.h"
#include "limit.h"
#include "mem.h"
#include "ref.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Moves `d`, unless the store has it: from a session of ours, or by another import meanwhile. */
static int move_one(int from, int to, const struct digest *d, mode_t type, struct err *e)
{
        struct stat st;

        if (fstatat(to, d->hex, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if ((st.st_mode & S_IFMT) == type)
                        return 0;
                return err_set(e, EIO, "'%s' in the image store is not what it should be", d->hex);
        }
        if (fstatat(from, d->hex, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                err_set(e, ENOENT, "'%s' was removed from the image store meanwhile", d->hex);
                return err_hint(e, "import again");
        }
        if ((st.st_mode & S_IFMT) != type)
                return err_set(e, EPROTO, "the process that reads the archive made nonsense");
        if (renameat2(from, d->hex, to, d->hex, RENAME_NOREPLACE) < 0)
                return err_sys(e, "cannot put '%s' in the image store", d->hex);
        return 0;
}

/* The record first: a layer that is there has one, and one without a layer is replaced. */
int import_move_layer(const struct store *store, enum store_mode mode,
                      const struct session *session, const struct digest *d, struct err *e)
{
        struct stat st;

        if (fstatat(store->layers[mode], d->hex, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
            renameat(session->records, d->hex, store->records[mode], d->hex) < 0 && errno != ENOENT)
                return err_sys(e, "cannot put the record of '%s' in the image store", d->hex);
        return move_one(session->layers, store->layers[mode], d, S_IFDIR, e);
}

static int move_all(const struct store *store, const struct session *session,
                    const struct image *image, struct err *e)
{
        for (size_t i = 0; i < image->store.n_blobs; i++) {
                if (move_one(session->blobs, store->blobs, &image->store.blobs[i], S_IFREG, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < image->n_layers; i++) {
                if (import_move_layer(store, STORE_SINGLE, session, &image->layers[i], e) < 0)
                        return -e->code;
        }
        if (fsync(store->blobs) < 0 || fsync(store->layers[STORE_SINGLE]) < 0 ||
            fsync(store->records[STORE_SINGLE]) < 0)
                return err_sys(e, "cannot sync the image store");
        return 0;
}

/* The manifest is small and everything hangs on it: its digest is not taken on trust. */
static int check_manifest(const struct store *store, const struct session *session,
                          const struct image *image, struct err *e)
{
        autofree char *text = NULL;
        struct digest got;
        struct stat st;
        size_t len;
        bool is_new = fstatat(session->blobs, image->id.hex, &st, AT_SYMLINK_NOFOLLOW) == 0;

        if (io_read_file(is_new ? session->blobs : store->blobs, image->id.hex, LIMIT_JSON, &text,
                         &len, e) < 0 ||
            digest_of(text, len, &got, e) < 0)
                return -e->code;
        if (!digest_is_same(&got, &image->id) || len != image->store.manifest_size ||
            !image->store.manifest_type)
                return err_set(e, EPROTO, "the process that reads the archive made nonsense");
        return 0;
}

static int write_image(const struct store *store, const struct session *session,
                       struct image *image, struct err *e)
{
        autofree char *text = NULL;

        if (image_write(image, true, &text, e) < 0)
                return -e->code;
        return store_write(session->dir, store->images, image->id.hex, text, e);
}

static int write_policy(const struct session *session, int dir, const char *file,
                        struct image *image, const char *name, struct err *e)
{
        autofree char *text = NULL;

        image->name = name;
        if (image_write(image, false, &text, e) < 0)
                return -e->code;
        return store_write(session->dir, dir, file, text, e);
}

static int write_names(const struct store *store, const struct session *session,
                       const struct import_request *request, struct image *image, struct err *e)
{
        char file[NAME_MAX + 1];

        if (request->path_key &&
            write_policy(session, store->paths, request->path_key, image, request->name, e) < 0)
                return -e->code;
        if (!request->name)
                return 0;
        if (ref_encode(request->name, file, e) < 0)
                return -e->code;
        return write_policy(session, store->names, file, image, request->name, e);
}

static int update_index(const struct store *store, const struct session *session,
                        const struct image *image, const char *name, struct err *e)
{
        autodoc *index = index_load(store, e);

        if (!index || index_add(index, image, name, e) < 0)
                return -e->code;
        return index_save(store, session->dir, index, e);
}

/* Whether the session has a part of the image; what the store had is synced. */
static bool has_news(const struct session *session, const struct image *image)
{
        struct stat st;

        for (size_t i = 0; i < image->store.n_blobs; i++) {
                if (fstatat(session->blobs, image->store.blobs[i].hex, &st, AT_SYMLINK_NOFOLLOW) ==
                    0)
                        return true;
        }
        for (size_t i = 0; i < image->n_layers; i++) {
                if (fstatat(session->layers, image->layers[i].hex, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        return true;
        }
        return false;
}

int import_commit(const struct store *store, const struct session *session,
                  const struct import_request *request, struct digest *ret_id, struct err *e)
{
        autoimage image = { 0 };

        if (store_read_image(session->dir, IMPORT_IMAGE_FILE, &image, e) < 0 ||
            check_manifest(store, session, &image, e) < 0)
                return -e->code;
        /* all files of the session at once, before anything can refer to them */
        if (has_news(session, &image) && syncfs(session->dir) < 0)
                return err_sys(e, "cannot sync the image store");
        autofd lock = store_lock(store, e);
        if (lock < 0 || move_all(store, session, &image, e) < 0 ||
            write_image(store, session, &image, e) < 0 ||
            update_index(store, session, &image, request->name, e) < 0 ||
            write_names(store, session, request, &image, e) < 0)
                return -e->code;
        *ret_id = image.id;
        return 0;
}
