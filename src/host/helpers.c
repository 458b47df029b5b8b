#include "helpers.h"

#include "probes.h"
#include "str.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* DIRBELOW/NAME, with the first `dir` bytes of `exe`. */
static bool try_place(const char *exe, int dir, const char *below, const char *name, char *ret,
                      size_t size)
{
        int n = snprintf(ret, size, "%.*s%s/%s", dir, exe, below, name);
        struct stat st;

        return n > 0 && (size_t)n < size && stat(ret, &st) == 0 && S_ISREG(st.st_mode) &&
               access(ret, X_OK) == 0;
}

/* Where each program is in the tree that it was built in, and where its helpers are from there. */
static const struct {
        const char *dir;
        const char *helpers;
} built[] = {
        { "/src/cli", "/../../helpers/" },
        { "/helpers/oci", "/../" },
};

bool host_find_helper(const char *exe, const char *name, char *ret, size_t size)
{
        const char *slash = strrchr(exe, '/');
        size_t dir = slash ? (size_t)(slash - exe) : 0;
        char below[64];

        if (!slash)
                return false;
        if (try_place(exe, (int)dir, "", name, ret, size) ||
            try_place(exe, (int)dir, "/../libexec/kelp", name, ret, size))
                return true;
        for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++) {
                size_t len = strlen(built[i].dir);

                if (dir < len || memcmp(slash - len, built[i].dir, len) != 0 ||
                    !str_has_prefix(name, "kelp-"))
                        continue;
                int n = snprintf(below, sizeof(below), "%s%s", built[i].helpers,
                                 name + strlen("kelp-"));
                if (n < (int)sizeof(below) && try_place(exe, (int)dir, below, name, ret, size))
                        return true;
        }
        return false;
}

void host_probe_helpers(const struct host_view *v, struct host_fact *ret)
{
        static const struct {
                const char *name;
                const char *without;
        } helpers[] = {
                { "kelp-image", "images cannot be imported" },
                { "kelp-pull", "images cannot be pulled from registries" },
                { "kelp-proxy", "a network cannot be filtered by name" },
                { "kelp-seccomp", "policies with system call rules of their own cannot be used" },
        };
        char path[PATH_MAX];

        for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
                if (host_find_helper(v->exe, helpers[i].name, path, sizeof(path)))
                        continue;
                host_fact_set(ret, HOST_WEAKER, "%s", helpers[i].without);
                host_cause_why(&ret->cause, "'%s' is not beside '%s' nor in its libexec directory",
                               helpers[i].name, v->exe);
                host_cause_fix(&ret->cause, "install kelp as a whole: meson install");
                return;
        }
        host_fact_set(ret, HOST_OK, "all found");
}
