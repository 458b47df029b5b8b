/* What is in the store: blobs by their digests, layers by their records. */

#include "verify.h"

#include "fd.h"
#include "image.h"
#include "io.h"
#include "record.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256u << 10)

/* Of one layer so many differences are told, and how many more there are. */
#define MAX_DIFFERENCES 20

static int digest_file(int fd, struct digest *ret, struct err *e)
{
        autofree char *buffer = mem_alloc(CHUNK, e);
        autohasher h = { 0 };

        if (!buffer || hasher_start(&h, e) < 0)
                return -e->code;
        for (;;) {
                ssize_t n = io_read(fd, buffer, CHUNK);

                if (n < 0)
                        return err_sys(e, "cannot read it");
                if (n == 0)
                        return hasher_finish(&h, ret, e);
                hasher_add(&h, buffer, (size_t)n);
        }
}

/* What is not there any more was nobody's, or its lack was told before. */
static int check_blob(const struct worker *w, const char *name, struct err *e)
{
        autofd fd = openat(w->store->blobs, name,
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct err why = { 0 };
        struct digest got;

        if (!digest_is_hex(name) || (fd < 0 && errno == ENOENT))
                return 0;
        if (fd < 0)
                err_sys(&why, "cannot open it");
        else if (digest_file(fd, &got, &why) == 0 && !str_eq(got.hex, name))
                err_set(&why, EINVAL, "its digest is '%s'", got.hex);
        return why.code ? verify_tell(w, "blob", name, &why, e) : 0;
}

/* ------ layers ------ */

struct layer {
        const struct worker *w;
        enum store_mode mode;
        const char *name;
        unsigned n; /* differences */
        struct err *e;
};

static const char *mode_name(enum store_mode mode)
{
        return mode == STORE_SUBIDS ? "subids/" : "";
}

static void tell_difference(void *context, const char *path, const char *what)
{
        struct layer *l = context;

        if (++l->n <= MAX_DIFFERENCES && l->e->code == 0)
                worker_note(l->w, VERIFY_THING, l->e, "layer '%s%s': '%.200s' %.120s",
                            mode_name(l->mode), l->name, path, what);
}

static int check_opened(struct layer *l, int dir, struct err *why)
{
        autofd record = openat(l->w->store->records[l->mode], l->name,
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (record < 0)
                return err_sys(why, "cannot open its record");
        return record_check(dir, l->mode == STORE_SUBIDS, record, tell_difference, l, why);
}

static int check_layer(const struct worker *w, enum store_mode mode, const char *name,
                       struct err *e)
{
        autofd dir = openat(w->store->layers[mode], name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct layer layer = { .w = w, .mode = mode, .name = name, .e = e };
        struct err why = { 0 };

        if (dir < 0 && errno == ENOENT)
                return 0;
        if (dir < 0)
                err_sys(&why, "cannot open it");
        else
                check_opened(&layer, dir, &why);
        if (e->code)
                return -e->code;
        if (layer.n > MAX_DIFFERENCES)
                worker_note(w, VERIFY_THING, e, "layer '%s%s': and %u more", mode_name(mode), name,
                            layer.n - MAX_DIFFERENCES);
        if (why.code && e->code == 0)
                verify_tell(w, mode == STORE_SUBIDS ? "layer of unpacked/subids" : "layer", name,
                            &why, e);
        return -e->code;
}

struct listing {
        const struct worker *w;
        enum store_mode mode;
};

static int check_listed_layer(void *context, const char *name, struct err *e)
{
        const struct listing *list = context;

        return check_layer(list->w, list->mode, name, e);
}

static int check_listed_blob(void *context, const char *name, struct err *e)
{
        const struct listing *list = context;

        return check_blob(list->w, name, e);
}

static bool has_layers(const struct worker *w, enum store_mode mode)
{
        const struct verify_job *job = w->job;

        return w->store->layers[mode] >= 0 && (mode != STORE_SUBIDS || job->has_subids);
}

static int check_all(const struct worker *w, struct err *e)
{
        struct listing list = { .w = w };

        if (store_list(w->store->blobs, check_listed_blob, &list, e) < 0)
                return -e->code;
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                list.mode = mode;
                if (has_layers(w, mode) &&
                    store_list(w->store->layers[mode], check_listed_layer, &list, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int check_image(const struct worker *w, const struct digest *id, struct err *e)
{
        struct err why = { 0 };
        autoimage image = { 0 };

        /* what is wrong with it was told before */
        if (store_read_image(w->store->images, id->hex, &image, &why) < 0)
                return 0;
        for (size_t i = 0; i < image.store.n_blobs; i++) {
                if (check_blob(w, image.store.blobs[i].hex, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < image.n_layers; i++) {
                for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                        if (has_layers(w, mode) && check_layer(w, mode, image.layers[i].hex, e) < 0)
                                return -e->code;
                }
        }
        return 0;
}

int verify_content(const struct worker *w, struct worker_report *ret, struct err *e)
{
        const struct verify_job *job = w->job;

        (void)ret;
        if (job->is_all)
                return check_all(w, e);
        for (size_t i = 0; i < job->n_images; i++) {
                if (check_image(w, &job->images[i], e) < 0)
                        return -e->code;
        }
        return 0;
}
