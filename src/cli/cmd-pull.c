#include "commands.h"
#include "facts.h"
#include "log.h"
#include "pull.h"
#include "run-sandbox.h"
#include "store.h"
#include "str.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/*
 * kelp pull: the words are read here, so that a slip is told in our words; the work is kelp-pull's,
 * which takes this process's place.
 */

static const char usage[] =
        "Usage:  kelp pull [OPTIONS] NAME[:TAG|@sha256:DIGEST]\n\n"
        "Takes an image from a registry into the store, under the name as it is typed. Without a\n"
        "host in it the registry is docker.io, without a TAG it is 'latest'.\n\n"
        "Options:\n"
        "      --platform OS/ARCH[/VARIANT]  The image for this platform (this machine's)\n"
        "      --ca FILE                     Trust these certificates (those of the system)\n"
        "      --insecure                    Allow plain HTTP, if the registry speaks no TLS\n"
        "  -q, --quiet                       Print the id alone\n";

struct words {
        struct pull_wish wish;
        bool wants_help;
};

static int unknown_option(const char *word, struct err *e)
{
        static const char *const known[] = { "--platform", "--ca",   "--insecure",
                                             "--quiet",    "--help", NULL };
        const char *near = str_nearest(word, known);

        err_set(e, EINVAL, "unknown option '%s'", word);
        if (near)
                return err_hint(e, "did you mean '%s'", near);
        return err_hint(e, "kelp pull --help");
}

/* NAME VALUE or NAME=VALUE: 1 when it was taken. */
static int take_value(int argc, char **argv, int *at, const char *name, const char **ret,
                      struct err *e)
{
        size_t len = strlen(name);

        if (!str_has_prefix(argv[*at], name))
                return 0;
        if (argv[*at][len] == '=') {
                *ret = argv[*at] + len + 1;
                return 1;
        }
        if (argv[*at][len] != '\0')
                return 0;
        if (*at + 1 == argc)
                return err_set(e, EINVAL, "option '%s' needs a value", name);
        *ret = argv[++*at];
        return 1;
}

static int take_option(int argc, char **argv, int *at, struct words *w, struct err *e)
{
        const char *word = argv[*at];

        if (str_eq(word, "-q") || str_eq(word, "--quiet")) {
                w->wish.is_quiet = true;
        } else if (str_eq(word, "--insecure")) {
                w->wish.is_insecure = true;
        } else if (str_eq(word, "-h") || str_eq(word, "--help")) {
                w->wants_help = true;
        } else {
                int r = take_value(argc, argv, at, "--platform", &w->wish.platform, e);
                if (r == 0)
                        r = take_value(argc, argv, at, "--ca", &w->wish.ca, e);
                return r == 0 ? unknown_option(word, e) : r;
        }
        return 1;
}

static int parse(int argc, char **argv, struct words *w, struct err *e)
{
        bool has_ended = false;

        for (int i = 1; i < argc && !w->wants_help; i++) {
                if (!has_ended && str_eq(argv[i], "--")) {
                        has_ended = true;
                } else if (!has_ended && argv[i][0] == '-') {
                        if (take_option(argc, argv, &i, w, e) < 0)
                                return -e->code;
                } else if (w->wish.name) {
                        err_set(e, EINVAL, "unexpected word '%s'", argv[i]);
                        return err_hint(e, "kelp pull --help");
                } else {
                        w->wish.name = argv[i];
                }
        }
        if (w->wish.name || w->wants_help)
                return 0;
        err_set(e, EINVAL, "'kelp pull' needs the NAME of an image");
        return err_hint(e, "kelp pull --help");
}

static int run_pull(int argc, char **argv, struct arena *arena, struct err *e)
{
        struct words words = { 0 };
        struct plan_facts facts;

        if (parse(argc, argv, &words, e) < 0)
                return -e->code;
        if (words.wants_help) {
                fputs(usage, stdout);
                return fflush(stdout) == 0 ? 0 : err_sys(e, "cannot write to stdout");
        }
        if (facts_find(arena, &facts, e) < 0)
                return -e->code;
        words.wish.store = store_path(arena, facts.home, e);
        return words.wish.store ? pull_become(arena, &words.wish, e) : -e->code;
}

int cmd_pull(int argc, char **argv)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        int r = run_pull(argc, argv, &arena, &e);

        if (r < 0)
                log_err(&e);
        arena_done(&arena);
        return r < 0 ? EXIT_FAILED : 0;
}
