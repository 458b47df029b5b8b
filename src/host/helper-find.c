#include "helper-find.h"

#include "helpers.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether what runs is what has that name: not so of a copy, nor of a file that was replaced. */
static bool is_self(const char *path)
{
        struct stat own, named;

        return stat("/proc/self/exe", &own) == 0 && stat(path, &named) == 0 &&
               own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

int helper_find_self(char *ret, size_t size, struct err *e)
{
        const char *told = getenv(HELPER_FIND_SELF);
        ssize_t n = readlink("/proc/self/exe", ret, size - 1);

        if (n < 0)
                return err_sys(e, "cannot read '/proc/self/exe'");
        ret[n] = '\0';
        if (told && told[0] == '/' && strlen(told) < size && !is_self(ret))
                memcpy(ret, told, strlen(told) + 1);
        return 0;
}

const char *helper_find(struct arena *arena, const char *name, struct err *e)
{
        char exe[PATH_MAX];
        char path[PATH_MAX];

        if (helper_find_self(exe, sizeof(exe), e) < 0)
                return NULL;
        if (host_find_helper(exe, name, path, sizeof(path)))
                return arena_copy(arena, path, e);
        int dir = (int)(strrchr(exe, '/') - exe);
        err_set(e, ENOENT, "the helper '%s' is not installed", name);
        err_hint(e, "it belongs beside kelp in '%.*s' or in '%.*s/../libexec/kelp'", dir, exe, dir,
                 exe);
        return NULL;
}
