#include "image-hold.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define LAYERS "unpacked/single"

char *image_hold_path(struct arena *arena, const struct plan_image *image, size_t i, struct err *e)
{
        return arena_print(arena, e, "%s/" LAYERS "/%s", image->store, image->layers[i]);
}

static int lock_layer(int dir, const char *name, struct image_hold *hold, struct err *e)
{
        autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r;

        if (fd < 0)
                return err_sys(e, "cannot open the layer '%s'", name);
        do {
                r = flock(fd, LOCK_SH);
        } while (r < 0 && errno == EINTR);
        if (r < 0)
                return err_sys(e, "cannot lock the layer '%s'", name);
        hold->layers[hold->n_layers++] = fd_take(&fd);
        return 0;
}

static void release_layers(struct image_hold *hold)
{
        while (hold->n_layers > 0)
                fd_close(&hold->layers[--hold->n_layers]);
}

int image_hold_layers(const struct plan *p, struct image_hold *hold, struct err *e)
{
        const struct plan_image *image = &p->image;
        struct arena arena = { 0 };

        release_layers(hold);
        if (!image->store)
                return 0;
        const char *path = arena_print(&arena, e, "%s/" LAYERS, image->store);
        autofd dir = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        int r = 0;
        if (path && dir < 0)
                r = err_sys(e, "cannot open '%s'", path);
        else if (!path)
                r = -e->code;
        arena_done(&arena);
        for (size_t i = 0; r == 0 && i < image->n_layers; i++)
                r = lock_layer(dir, image->layers[i], hold, e);
        if (r < 0) {
                release_layers(hold);
                return r;
        }
        fd_close(&hold->store_lock);
        return 0;
}

void image_hold_done(struct image_hold *hold)
{
        release_layers(hold);
        fd_close(&hold->store_lock);
}
