#include "pull.h"

#include "helper-find.h"
#include "helper-run.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

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

static const char *find_variable(const char *name)
{
        size_t len = strlen(name);

        for (char **at = environ; at && *at; at++) {
                if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
                        return *at;
        }
        return NULL;
}

/* Of a name that is there twice the first one counts, as for whoever reads it. */
static void fill_env(struct command *c)
{
        size_t n = 0;

        for (size_t i = 0; i < N_PASSED; i++) {
                const char *variable = find_variable(passed[i]);

                if (variable)
                        c->env[n++] = variable;
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

        if (fill(arena, wish, &c, e) < 0)
                return -e->code;
        const struct helper_task task = { c.path, c.argv, c.env, "pull", wish->name };
        return helper_run(&task, e);
}
