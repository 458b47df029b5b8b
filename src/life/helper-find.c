#include "helper-find.h"

#include "path.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The directory of our own program, or NULL. */
static char *own_directory(struct arena *arena, struct err *e)
{
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        if (n < 0) {
                err_sys(e, "cannot read '/proc/self/exe'");
                return NULL;
        }
        path[n] = '\0';
        return path_parent(arena, path, e);
}

static const char *try_place(struct arena *arena, const char *dir, const char *below,
                             const char *name, struct err *e)
{
        const char *path = arena_print(arena, e, "%s%s/%s", dir, below, name);

        return path && access(path, X_OK) == 0 ? path : NULL;
}

const char *helper_find(struct arena *arena, const char *name, struct err *e)
{
        const char *dir = own_directory(arena, e);
        const char *path;

        if (!dir)
                return NULL;
        path = try_place(arena, dir, "", name, e);
        if (!path)
                path = try_place(arena, dir, "/../libexec/kelp", name, e);
        if (!path && str_has_suffix(dir, "/src/cli") && str_has_prefix(name, "kelp-")) {
                const char *below = arena_print(arena, e, "/../../helpers/%s", name + 5);

                path = below ? try_place(arena, dir, below, name, e) : NULL;
        }
        if (!path && e->code == 0) {
                err_set(e, ENOENT, "the helper '%s' is not installed", name);
                err_hint(e, "it belongs beside kelp in '%s' or in '%s/../libexec/kelp'", dir, dir);
        }
        return path;
}
