#include "wipe.h"

#include "fd.h"
#include "holder.h"
#include "index.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

struct wipe {
        const struct session *session;
        int dir;
};

static int check_one(void *context, const char *name, struct err *e)
{
        const struct wipe *w = context;
        autofd fd = openat(w->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        char holder[HOLDER_MAX];

        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
                return err_set(e, EBUSY, "an image is in use by %s",
                               holder_find(fd, holder, sizeof(holder)));
        return 0;
}

static int take_one(void *context, const char *name, struct err *e)
{
        const struct wipe *w = context;

        return session_take(w->session, w->dir, name, e);
}

static int take_all(const struct session *session, int dir, struct err *e)
{
        struct wipe w = { session, dir };

        return dir < 0 ? 0 : store_list(dir, take_one, &w, e);
}

int wipe_store(const struct store *store, const struct session *session, struct err *e)
{
        const int dirs[] = { store->names, store->paths, store->images, store->blobs };
        const int held[] = { store->images, store->layers[STORE_SINGLE],
                             store->layers[STORE_SUBIDS] };

        for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
                struct wipe w = { session, held[i] };

                if (w.dir >= 0 && store_list(w.dir, check_one, &w, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
                if (take_all(session, dirs[i], e) < 0)
                        return -e->code;
        }
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                if (take_all(session, store->layers[mode], e) < 0 ||
                    take_all(session, store->records[mode], e) < 0)
                        return -e->code;
        }
        if (unlinkat(store->dir, INDEX_DAMAGED, 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove '" INDEX_DAMAGED "' in the image store");
        return store_write(session->dir, store->dir, "index.json", store_empty_index, e);
}
