#include "helper-find.h"

#include "helpers.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *helper_find(struct arena *arena, const char *name, struct err *e)
{
        char exe[PATH_MAX];
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

        if (n < 0) {
                err_sys(e, "cannot read '/proc/self/exe'");
                return NULL;
        }
        exe[n] = '\0';
        if (host_find_helper(exe, name, path, sizeof(path)))
                return arena_copy(arena, path, e);
        int dir = (int)(strrchr(exe, '/') - exe);
        err_set(e, ENOENT, "the helper '%s' is not installed", name);
        err_hint(e, "it belongs beside kelp in '%.*s' or in '%.*s/../libexec/kelp'", dir, exe, dir,
                 exe);
        return NULL;
}
