#include "pull.h"

#include "helper-find.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A helper that ends so has told the user why. */
#define HELPER_FAILED 125

#define MAX_WORDS 20

static const char *const passed[] = {
        "PATH",       "HOME",       "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
        "TERM",       "NO_COLOR",   "DOCKER_CONFIG",   "DBUS_SESSION_BUS_ADDRESS",
        "http_proxy", "HTTP_PROXY", "https_proxy",     "HTTPS_PROXY",
        "no_proxy",   "NO_PROXY",   "all_proxy",       "ALL_PROXY",
};

#define N_PASSED (sizeof(passed) / sizeof(passed[0]))

struct command {
        const char *path;
        const char *argv[MAX_WORDS];
        const char *env[N_PASSED + 1];
};

static bool is_passed(const char *variable)
{
        size_t len = strcspn(variable, "=");

        for (size_t i = 0; i < N_PASSED; i++) {
                if (strlen(passed[i]) == len && memcmp(passed[i], variable, len) == 0)
                        return true;
        }
        return false;
}

/* A name that is there twice counts once: whoever reads it would see the first. */
static void fill_env(struct command *c)
{
        size_t n = 0;

        for (char **at = environ; at && *at && n < N_PASSED; at++) {
                if (is_passed(*at))
                        c->env[n++] = *at;
        }
        c->env[n] = NULL;
}

static int fill(struct arena *arena, const struct pull_wish *wish, struct command *c, struct err *e)
{
        const char *importer = helper_find(arena, "kelp-image", e);
        size_t n = 0;

        c->path = importer ? helper_find(arena, "kelp-pull", e) : NULL;
        if (!c->path)
                return -e->code;
        c->argv[n++] = "kelp-pull";
        c->argv[n++] = "--store";
        c->argv[n++] = wish->store;
        c->argv[n++] = "--importer";
        c->argv[n++] = importer;
        if (wish->platform) {
                c->argv[n++] = "--platform";
                c->argv[n++] = wish->platform;
        }
        if (wish->ca) {
                c->argv[n++] = "--ca";
                c->argv[n++] = wish->ca;
        }
        if (wish->is_insecure)
                c->argv[n++] = "--insecure";
        if (wish->is_quiet)
                c->argv[n++] = "--quiet";
        c->argv[n++] = "--";
        c->argv[n++] = wish->name;
        c->argv[n] = NULL;
        fill_env(c);
        return 0;
}

int pull_become(struct arena *arena, const struct pull_wish *wish, struct err *e)
{
        struct command c;

        if (fill(arena, wish, &c, e) < 0)
                return -e->code;
        execve(c.path, (char *const *)c.argv, (char *const *)c.env);
        return err_sys(e, "cannot execute '%s'", c.path);
}

int pull_wait(struct arena *arena, const struct pull_wish *wish, struct err *e)
{
        struct command c;
        struct proc_spec spec = {
                .stdin_fd = -1,
                .stdout_fd = -1,
                .stderr_fd = -1,
                .die_with_parent = true,
        };
        autochild child = CHILD_NONE;
        int status = 0;

        if (fill(arena, wish, &c, e) < 0)
                return -e->code;
        spec.path = c.path;
        spec.argv = c.argv;
        spec.env = c.env;
        if (proc_start(&spec, &child, e) < 0 || proc_wait(&child, &status, e) < 0)
                return err_prefix(e, "cannot pull '%s'", wish->name);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == HELPER_FAILED)
                return err_set(e, ECANCELED, "cannot pull '%s'", wish->name);
        return err_set(e, EIO, "cannot pull '%s': the helper ended with status %d", wish->name,
                       proc_exit_code(status));
}
