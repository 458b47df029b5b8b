#include "image-layers.h"

#include "fd.h"
#include "helper-find.h"
#include "io.h"
#include "proc.h"
#include "step.h"
#include "str.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit statuses of kelp-image. */
#define HELPER_FAILED 125
#define HELPER_NO_IDS 126

/* What the helper said last: "kelp: MESSAGE", and perhaps "hint: HINT". */
static int read_error(int fd, struct err *e)
{
        autofree char *text = NULL;
        const char *message = NULL;
        const char *hint = NULL;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read what kelp-image said");
        if (io_read_all(fd, 65536, "what kelp-image said", &text, NULL, e) < 0)
                return -e->code;
        for (char *at = text, *line; (line = str_next_field(&at, '\n'));) {
                if (str_has_prefix(line, "kelp: "))
                        message = line + strlen("kelp: ");
                else if (str_has_prefix(line, "hint: "))
                        hint = line + strlen("hint: ");
        }
        err_set(e, EIO, "%s", message ? message : "kelp-image failed without a word");
        return hint ? err_hint(e, "%s", hint) : -e->code;
}

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
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (!WIFEXITED(status) ||
            (WEXITSTATUS(status) != HELPER_FAILED && WEXITSTATUS(status) != HELPER_NO_IDS))
                return err_set(e, EIO, "kelp-image ended with status %d", proc_exit_code(status));
        read_error(said, e);
        if (WEXITSTATUS(status) == HELPER_NO_IDS)
                e->step = STEP_ID_MAPS;
        return -e->code;
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
