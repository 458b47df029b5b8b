/*
 * kelp-pull: images from registries.  Called by kelp with a fixed set of variables:
 *
 *     kelp-pull --store DIR --importer PATH [--platform OS/ARCH[/VARIANT]] [--ca FILE] [--insecure]
 *               [--quiet] NAME
 *
 * Exit status: 0; 125 when it failed; 128 and the signal when one ended it.
 */

#include "credential.h"
#include "endpoint.h"
#include "err.h"
#include "fd.h"
#include "helper-exit.h"
#include "http.h"
#include "io.h"
#include "log.h"
#include "output.h"
#include "pull.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct arguments {
        const char *store;
        const char *importer;
        const char *platform;
        const char *ca;
        const char *name;
        bool is_insecure;
        bool is_quiet;
};

static int usage(struct err *e, const char *arg)
{
        err_set(e, EINVAL, "unknown or incomplete argument '%.200s'", arg);
        return err_hint(e, "kelp-pull --store DIR --importer PATH [--platform OS/ARCH[/VARIANT]] "
                           "[--ca FILE] [--insecure] [--quiet] NAME");
}

/* The option at argv[*at], with its value; false when it is none. */
static bool take_option(int argc, char **argv, int *at, struct arguments *ret)
{
        const struct {
                const char *name;
                const char **value;
        } options[] = {
                { "--store", &ret->store },
                { "--importer", &ret->importer },
                { "--platform", &ret->platform },
                { "--ca", &ret->ca },
        };

        if (str_eq(argv[*at], "--insecure")) {
                ret->is_insecure = true;
                return true;
        }
        if (str_eq(argv[*at], "--quiet")) {
                ret->is_quiet = true;
                return true;
        }
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
                if (!str_eq(argv[*at], options[i].name) || *at + 1 == argc)
                        continue;
                *options[i].value = argv[++*at];
                return true;
        }
        return false;
}

static int parse(int argc, char **argv, struct arguments *ret, struct err *e)
{
        bool has_ended = false;

        for (int i = 1; i < argc; i++) {
                if (!has_ended && str_eq(argv[i], "--")) {
                        has_ended = true;
                } else if (!has_ended && argv[i][0] == '-') {
                        if (!take_option(argc, argv, &i, ret))
                                return usage(e, argv[i]);
                } else if (ret->name) {
                        return usage(e, argv[i]);
                } else {
                        ret->name = argv[i];
                }
        }
        if (!ret->name || !ret->store || !ret->importer)
                return usage(e, ret->name ? ret->name : "");
        return 0;
}

/* Where things are of the user's; what is not an absolute path is not there. */
static const char *directory(struct arena *arena, const char *variable, const char *home,
                             const char *below, struct err *e)
{
        const char *value = getenv(variable);

        if (value && value[0] == '/')
                return value;
        return home && below ? arena_print(arena, e, "%s/%s", home, below) : NULL;
}

static int find_places(struct arena *arena, struct credential_places *ret, struct err *e)
{
        const char *home = getenv("HOME");

        if (home && home[0] != '/')
                home = NULL;
        *ret = (struct credential_places){
                .home = home,
                .config_dir = directory(arena, "XDG_CONFIG_HOME", home, ".config", e),
                .runtime_dir = directory(arena, "XDG_RUNTIME_DIR", NULL, NULL, e),
                .docker_dir = directory(arena, "DOCKER_CONFIG", home, ".docker", e),
        };
        return -e->code;
}

static int find_login(const struct credential_places *places, const struct pull_spec *spec,
                      struct endpoint *endpoint, struct err *e)
{
        const char *repo = endpoint->is_mirror ? endpoint->repo : spec->name.repo;
        const char *host = endpoint->is_mirror ? endpoint->host : spec->name.host;
        struct err helper = { 0 };

        if (credential_find(places, host, repo, &endpoint->credential, &helper, e) < 0)
                return -e->code;
        if (helper.code != 0)
                log_notice("%.*s; going on without a login", err_message_len(&helper), helper.text);
        return 0;
}

static int fill(const struct arguments *args, struct arena *arena, struct pull_spec *spec,
                struct err *e)
{
        autoregistries registries = { 0 };
        struct credential_places places;
        const struct endpoint_wish wish = { .ca = args->ca, .is_insecure = args->is_insecure };

        if (pull_name_parse(args->name, &spec->name, e) < 0 ||
            (args->platform ? platform_parse(args->platform, &spec->platform, e)
                            : platform_own(&spec->platform, e)) < 0 ||
            find_places(arena, &places, e) < 0 ||
            registries_load(&registries, places.config_dir, e) < 0 ||
            endpoints_make(arena, &spec->name, &registries, &wish, spec, e) < 0)
                return -e->code;
        for (size_t i = 0; i < spec->n_endpoints; i++) {
                if (find_login(&places, spec, &spec->endpoints[i], e) < 0)
                        return -e->code;
        }
        spec->store = args->store;
        spec->importer = args->importer;
        spec->is_quiet = args->is_quiet;
        spec->stdout_fd = STDOUT_FILENO;
        return 0;
}

static int report(const struct arguments *args, const struct pull_result *result, struct err *e)
{
        if (!result->was_current)
                return 0;
        if (!args->is_quiet)
                log_notice("'%s' is here already, and has not changed", args->name);
        printf("sha256:%s\n", result->id.hex);
        return output_finish(stdout, "the image is here, but its id cannot be printed", e);
}

/* That another place is asked is no trouble; what a line of registries.conf mends has a hint. */
static void tell_mirror(const struct err *why)
{
        const char *hint = err_get_hint(why);

        log_notice("%.*s", err_message_len(why), why->text);
        if (hint && why->code == HTTP_NO_TLS)
                log_hint("%s", hint);
}

static int run(const struct arguments *args, struct arena *arena, int *ret_status, bool *ret_told,
               struct err *e)
{
        autofree struct pull_spec *spec = mem_alloc(sizeof(*spec), e);
        struct pull_result result = { 0 };

        if (!spec || fill(args, arena, spec, e) < 0)
                return -e->code;
        int r = pull_run(spec, &result, e);
        explicit_bzero(spec, sizeof(*spec));
        if (result.mirrors.code != 0)
                tell_mirror(&result.mirrors);
        if (r == 0 && !result.has_landlock)
                log_notice("this kernel has no Landlock: the process that talked to the registry "
                           "could have read your files");
        if (r == 0)
                return report(args, &result, e);
        *ret_status = result.status;
        *ret_told = result.has_told;
        return -e->code;
}

int main(int argc, char **argv)
{
        struct arguments args = { 0 };
        struct arena arena = { 0 };
        struct err e = { 0 };
        int status = HELPER_FAILED;
        bool has_told = false;

        /* logins will be in here */
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        /* helpers and registries may hang up while they are spoken to; libcurl leaves that to us */
        signal(SIGPIPE, SIG_IGN);
        int r = fd_fill_standard(&e);
        if (r == 0)
                r = parse(argc, argv, &args, &e);
        if (r == 0)
                r = http_setup(&e);
        if (r == 0) {
                r = run(&args, &arena, &status, &has_told, &e);
                store_hint_elsewhere(args.store, true, &e);
                if (r < 0)
                        err_prefix(&e, "cannot pull '%.200s'", args.name);
        }
        if (r < 0 && !has_told)
                log_err(&e);
        arena_done(&arena);
        return r < 0 ? status : 0;
}
