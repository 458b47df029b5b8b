#include "image-hold.h"

#include "fd.h"
#include "image-name.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

const char *image_hold_directory(const struct id_maps *maps)
{
        return maps->by_helper ? "unpacked/subids" : "unpacked/single";
}

/* The store notes for which maps the layers were made: in others they would be nobody's. */
static int check_maps(int store, const struct id_maps *maps, struct err *e)
{
        char wanted[ID_MAPS_TEXT_MAX];
        char found[ID_MAPS_TEXT_MAX];

        id_maps_print(maps, wanted, sizeof(wanted));
        ssize_t n = io_read_small(store, "subids.map", found, sizeof(found));
        if (n < 0)
                return err_set(e, (int)-n, "cannot read 'subids.map' of the image store: %s",
                               err_name((int)-n));
        /* without its last newline */
        if ((size_t)n + 1 != strlen(wanted) || memcmp(found, wanted, (size_t)n) != 0)
                return err_set(e, ENOENT, "the layers are for other subordinate ids");
        return 0;
}

/* The digits of "sha256:HEX", or NULL: they become a file's name. */
static const char *image_digits(const char *id)
{
        static const char algorithm[] = "sha256:";

        if (!id || !str_has_prefix(id, algorithm))
                return NULL;
        id += strlen(algorithm);
        return strlen(id) == IMAGE_NAME_DIGEST &&
                               strspn(id, "0123456789abcdef") == IMAGE_NAME_DIGEST
                       ? id
                       : NULL;
}

int image_hold_image(const struct plan *p, struct image_hold *hold, struct err *e)
{
        const char *digits = image_digits(p->image.id);
        char path[4096];

        if (!p->image.store || !digits || hold->image >= 0)
                return 0;
        if (snprintf(path, sizeof(path), "%s/images/%s", p->image.store, digits) >=
            (int)sizeof(path))
                return err_set(e, ENAMETOOLONG, "the name of the store is too long");
        autofd fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        /* nobody can remove it, and that its layers are needed is told by their locks */
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0)
                return err_sys(e, "cannot open 'images/%s' of the store", digits);
        if (io_lock(fd, LOCK_SH) < 0)
                return err_sys(e, "cannot lock 'images/%s' of the store", digits);
        hold->image = fd_take(&fd);
        return 0;
}

static int lock_layer(int dir, const char *name, struct image_hold *hold, struct err *e)
{
        autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open the layer '%s'", name);
        if (io_lock(fd, LOCK_SH) < 0)
                return err_sys(e, "cannot lock the layer '%s'", name);
        hold->layers[hold->n_layers++] = fd_take(&fd);
        return 0;
}

static void release_layers(struct image_hold *hold)
{
        while (hold->n_layers > 0)
                fd_close(&hold->layers[--hold->n_layers]);
}

static int lock_layers(const struct plan *p, const struct id_maps *maps, struct image_hold *hold,
                       struct err *e)
{
        const struct plan_image *image = &p->image;
        autofd store = open(image->store, O_PATH | O_DIRECTORY | O_CLOEXEC);
        autofd dir = -1;

        if (store < 0)
                return err_sys(e, "cannot open the store '%s'", image->store);
        if (maps->by_helper && check_maps(store, maps, e) < 0)
                return -e->code;
        dir = openat(store, image_hold_directory(maps), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return err_sys(e, "cannot open '%s' of the store", image_hold_directory(maps));
        for (size_t i = 0; i < image->n_layers; i++) {
                if (lock_layer(dir, image->layers[i], hold, e) < 0)
                        return -e->code;
        }
        return 0;
}

int image_hold_layers(const struct plan *p, const struct id_maps *maps, struct image_hold *hold,
                      struct err *e)
{
        struct image_hold next = IMAGE_HOLD_NONE;

        if (!p->image.store)
                return 0;
        if (lock_layers(p, maps, &next, e) < 0) {
                release_layers(&next);
                return -e->code;
        }
        next.image = fd_take(&hold->image);
        image_hold_done(hold);
        *hold = next;
        return 0;
}

static int change_lock(const struct image_hold *hold, int how, struct err *e)
{
        if (hold->store_lock >= 0 && io_lock(hold->store_lock, how) < 0)
                return err_sys(e, "cannot lock the image store");
        return 0;
}

void image_hold_unlock(const struct image_hold *hold)
{
        struct err unused = { 0 };

        change_lock(hold, LOCK_UN, &unused);
}

int image_hold_lock(const struct image_hold *hold, struct err *e)
{
        return change_lock(hold, LOCK_SH, e);
}

void image_hold_done(struct image_hold *hold)
{
        release_layers(hold);
        fd_close(&hold->image);
        fd_close(&hold->store_lock);
}
