#include "helpers.h"

#include "probes.h"
#include "str.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Relative to the directory of kelp itself. */
static const char *const places[] = {
        ".",
        "../libexec/kelp",
};

static bool is_program(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool host_find_helper(const struct host_view *v, const char *name, char *ret, size_t size)
{
        const char *slash = strrchr(v->exe, '/');
        int dir = slash ? (int)(slash - v->exe) : 0;

        for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
                int n = snprintf(ret, size, "%.*s/%s/%s", dir, v->exe, places[i], name);

                if (n > 0 && (size_t)n < size && is_program(ret))
                        return true;
        }
        /* "kelp-image" is built as helpers/image/kelp-image, kelp as src/cli/kelp */
        const char *part = str_has_prefix(name, "kelp-") ? name + strlen("kelp-") : name;
        int n = snprintf(ret, size, "%.*s/../../helpers/%s/%s", dir, v->exe, part, name);
        return slash && n > 0 && (size_t)n < size && is_program(ret);
}

void host_probe_helpers(const struct host_view *v, struct host_fact *ret)
{
        static const struct {
                const char *name;
                const char *without;
        } helpers[] = {
                { "kelp-image", "images cannot be imported" },
                { "kelp-pull", "images cannot be pulled from registries" },
                { "kelp-seccomp", "policies with system call rules of their own cannot be used" },
        };
        char path[PATH_MAX];

        for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
                if (host_find_helper(v, helpers[i].name, path, sizeof(path)))
                        continue;
                host_fact_set(ret, HOST_WEAKER, "%s", helpers[i].without);
                host_cause_why(&ret->cause, "'%s' is not beside '%s' nor in its libexec directory",
                               helpers[i].name, v->exe);
                host_cause_fix(&ret->cause, "install kelp as a whole: meson install");
                return;
        }
        host_fact_set(ret, HOST_OK, "all found");
}
