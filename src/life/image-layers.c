#include "image-layers.h"

#include "fd.h"
#include "helper-find.h"
#include "image-helper.h"
#include "proc.h"
#include "step.h"

#include <errno.h>
#include <sys/mman.h>

static int run_helper(const char *helper, const char *const *argv, struct err *e)
{
        autofd said = memfd_create("kelp-image", MFD_CLOEXEC);
        struct proc_spec spec = {
                .path = helper,
                .argv = argv,
                .stdin_fd = -1,
                .stdout_fd = -1,
                .stderr_fd = said,
                .die_with_parent = true,
        };
        autochild child = CHILD_NONE;
        int status = 0;

        if (said < 0)
                return err_sys(e, "cannot make a file in memory");
        if (proc_start(&spec, &child, e) < 0 || proc_wait(&child, &status, e) < 0)
                return -e->code;
        return image_helper_judge(said, status, e);
}

static int unpack(const struct plan *p, const struct id_maps *maps, struct err *e)
{
        struct arena arena = { 0 };
        char *text = arena_alloc(&arena, ID_MAPS_TEXT_MAX, e);
        const char *helper = text ? helper_find(&arena, "kelp-image", e) : NULL;
        const char *argv[] = {
                "kelp-image", "--store", p->image.store, "unpack", "--ids",
                text,         "--",      p->image.id,    NULL,
        };
        int r = -e->code;

        if (helper) {
                id_maps_print(maps, text, ID_MAPS_TEXT_MAX);
                r = run_helper(helper, argv, e);
        }
        arena_done(&arena);
        return r;
}

static int unpack_and_hold(const struct plan *p, const struct id_maps *maps,
                           struct image_hold *hold, struct err *e)
{
        struct err unused = { 0 };

        image_hold_unlock(hold);
        int r = unpack(p, maps, e);
        if (image_hold_lock(hold, r < 0 ? &unused : e) < 0 || r < 0)
                return -e->code;
        return image_hold_layers(p, maps, hold, e);
}

int image_layers_get(const struct plan *p, const struct id_maps *maps, struct image_hold *hold,
                     struct err *e)
{
        e->step = STEP_SOURCES;
        if (image_hold_image(p, hold, e) < 0)
                return err_prefix(e, "image '%s'", p->image.name);
        int r = image_hold_layers(p, maps, hold, e);
        if (r == -ENOENT && maps->by_helper) {
                *e = (struct err){ .step = STEP_SOURCES };
                r = unpack_and_hold(p, maps, hold, e);
        }
        if (r < 0) {
                err_prefix(e, "image '%s'", p->image.name);
                /* under the store's lock a layer that is not there was lost, not removed */
                return e->code == ENOENT ? err_hint(e, "import the image again") : -e->code;
        }
        e->step = STEP_NONE;
        return 0;
}
