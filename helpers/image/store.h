#ifndef KELP_IMAGE_STORE_H
#define KELP_IMAGE_STORE_H

#include "digest.h"
#include "err.h"
#include "image.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The image store of one user: a standard OCI image layout, and beside it what kelp needs to run
 * from it.
 *
 *     oci-layout, index.json, blobs/sha256/   as in the OCI image spec: other tools read it
 *     unpacked/single/<diff-id>/              a layer, unpacked once for all images that have it:
 *                                             every file belongs to the user
 *     unpacked/subids/<diff-id>/              the same for runs with subordinate ids, unpacked when
 *                                             the first one needs it: files belong to whom the
 *                                             archive says, as subids.map has it
 *     records/single/<diff-id>                what a layer looked like when it was unpacked:
 *     records/subids/<diff-id>                see record.h
 *     subids.map                              see subids.h
 *     images/<digest>                         an image: all of image.h
 *     names/<encoded name>                    an image under a name: image.policy
 *     paths/<key>                             an image that was imported by its path: image.policy
 *     lock                                    flock: held while the above changes
 *     tmp/<session>/                          an import at work, which holds a flock on it
 *
 * A run on a machine without overlays has a copy of its image's files in a session: see flatten.h.
 *
 * A pull makes a session too, fetches an OCI layout into it (SESSION_LAYOUT), and hands it to the
 * import with the descriptor that holds the lock: there is no moment at which nobody holds it.
 *
 * Changes: blobs and layers are written in a session, synced, and renamed into place; then
 * images/, index.json, and last the name are written to the session and renamed.  A crash before
 * the name leaves blobs and layers that are right and that the next import takes over; a session
 * that nobody holds the lock of is removed by the next import.
 *
 * What the store has is not fetched or unpacked again; so that it is still there in the end, an
 * import claims the store: it holds a shared flock on tmp/ from before its first look.  Who removes
 * images takes that lock exclusively for as long as it changes the store, without waiting; where it
 * is claimed, names and images go, and their layers and blobs are left to the next prune.
 *
 * `lock` is held for moments only: exclusively by whoever changes the store, shared by a launcher
 * from reading a name until it has locked the layers.  A launcher holds a shared flock on its
 * image's file in images/ and on each layer's directory as long as it runs: an image that is locked
 * is not removed, nor is a layer, whoever has it.  An image that comes again leaves its file as it
 * is; where the file was damaged and is replaced, the layers' locks are left.
 *
 * The store belongs to its user alone: mode 0700, so that set-user-id files of images are out of
 * reach of others.  Another owner or a wider mode is an error.
 */

/* Whose the files of unpacked layers are. */
enum store_mode { STORE_SINGLE, STORE_SUBIDS, STORE_MODES };

struct id_maps;
struct store;
typedef int store_remover(const struct store *store, int dir, const char *name, struct err *e);
typedef int store_mender(const struct store *store, int tmp, struct err *e);

struct store {
        store_remover *remove; /* also of files of subordinate ids; NULL: of the user's own alone */
        /* all ids that the user has, for `remove`; NULL: they are not known; borrowed */
        const struct id_maps *ids;
        store_mender *mend; /* index_mend(); NULL: what was cut short is left to others */
        int dir;
        int blobs;
        int layers[STORE_MODES];
        int records[STORE_MODES];
        int images;
        int names;
        int paths;
        int tmp;
        const char *path; /* for messages; borrowed */
};

/* What index.json is in a store without images. */
extern const char store_empty_index[];

/* Opens the store, and makes what is missing of it when `create`; else ENOENT. */
int store_open(struct store *store, const char *path, bool create, struct err *e);
void store_done(struct store *store);

#define STORE_NONE                                                                                 \
        {                                                                                          \
                .dir = -1, .blobs = -1, .layers = { -1, -1 }, .records = { -1, -1 }, .images = -1, \
                .names = -1, .paths = -1, .tmp = -1                                                \
        }

#define autostore __attribute__((cleanup(store_done))) struct store

/* Whether an error says that the store, or its file system, is not to be written to. */
bool store_is_read_only(const struct err *e);

/* The exclusive lock: a descriptor, released by closing it. */
int store_lock(const struct store *store, struct err *e);

/*
 * Replaces the file `name` in `dir` by `text`, whole or not at all, also over a crash; the new
 * file is made in `tmp` (a directory of the same file system).  One that has this text is left.
 */
int store_write(int tmp, int dir, const char *name, const char *text, struct err *e);

/* Reads images/<digest>, or a name or path file (`dir` and `file`). */
int store_read_image(int dir, const char *file, struct image *ret, struct err *e);

/*
 * For an error about the store at `path`: when it says that a file system is full or read-only,
 * which one, and what helps whoever wants to add to it.
 */
void store_hint_elsewhere(const char *path, bool is_adding, struct err *e);

/* Calls `each` for every file name in `dir` in no order, until one fails. */
typedef int store_each(void *context, const char *name, struct err *e);
int store_list(int dir, store_each *each, void *context, struct err *e);

/* A place to prepare what comes into the store, and for what leaves it. */
struct session {
        int dir;     /* its flock lives as long as this descriptor and its copies */
        int blobs;   /* blobs/ in it */
        int layers;  /* layers/ in it */
        int records; /* records/ in it */
        int gone;    /* gone/ in it */
        char name[64];
};

#define SESSION_LAYOUT "layout"

#define SESSION_NONE                                                                               \
        {                                                                                          \
                .dir = -1, .blobs = -1, .layers = -1, .records = -1, .gone = -1                    \
        }

/* Clears away what dead processes left, and mends what they left half done. */
int session_recover(const struct store *store, struct err *e);

/* The same, and makes a new session. */
int session_open(const struct store *store, struct session *ret, struct err *e);

/* Makes the directory `name` in one that belongs to a session, and opens it: the caller's. */
int session_make_directory(int dir, const char *name, struct err *e);

/*
 * Takes the file or tree `name` out of `dir` of the store: it is gone at once and as a whole, and
 * takes its time to go with the session.  Absence is no error.
 */
int session_take(const struct session *session, int dir, const char *name, struct err *e);

/* Whether somebody has locked `name`, or may have: a session or a layer at work. */
bool session_is_held(int dir, const char *name);

/* What the store has stays there until it is closed: for an import. */
int session_claim(const struct store *store, struct err *e);

/*
 * Keeps others from claiming it: *ret is a descriptor, released by closing it, or -1 where an
 * import has claimed it.
 */
int session_hold_off(const struct store *store, int *ret, struct err *e);

/*
 * The session of another process, whose lock came with the descriptor *dir (taken over).  A
 * directory that is no session of this store is EINVAL.
 */
int session_adopt(const struct store *store, int *dir, struct session *ret, struct err *e);

/* Removes the session and all that is in it. */
int session_remove(const struct store *store, struct session *session, struct err *e);

#endif
