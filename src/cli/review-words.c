#include "review-words.h"

#include "help.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>

static const char *const names[] = {
        [REVIEW_DIFF] = "diff",
        [REVIEW_APPLY] = "apply",
        [REVIEW_DISCARD] = "discard",
};

static const char diff_usage[] =
        "Usage:  kelp diff [ID [PATH...]] [--patch]\n\n"
        "Lists what a run with --review has changed: A added, M changed, D deleted, T another\n"
        "type, m mode or attributes alone, t time alone. ID is that of the run, the beginning of\n"
        "one, or the name of the run; without it the reviews that wait are listed.\n\n"
        "  -p, --patch         Show the content, as a patch\n\n"
        "Exit status: 0, or 125 when it cannot be told.\n";

static const char apply_usage[] =
        "Usage:  kelp apply ID [PATH...] [--overwrite]\n\n"
        "Puts in place what a run with --review has changed: all of it, or what is named and\n"
        "what is below. What you have changed meanwhile is left as it is and listed. Interrupted,\n"
        "it can be repeated. When nothing is left the review is removed.\n\n"
        "      --overwrite     Replace what you have changed meanwhile, too\n\n"
        "Exit status: 0; 1 when some of it was left; 125 on failure.\n";

static const char discard_usage[] =
        "Usage:  kelp discard ID...\n\n"
        "Throws away what runs with --review have changed. ID may be the name of a run, too.\n";

static const char *const usages[] = {
        [REVIEW_DIFF] = diff_usage,
        [REVIEW_APPLY] = apply_usage,
        [REVIEW_DISCARD] = discard_usage,
};

enum review_command review_find_command(const char *name)
{
        for (int i = REVIEW_DIFF; i < REVIEW_DISCARD; i++) {
                if (str_eq(name, names[i]))
                        return (enum review_command)i;
        }
        return REVIEW_DISCARD;
}

int review_print_help(enum review_command command)
{
        fputs(usages[command], stdout);
        return help_end();
}

static int take_option(enum review_command command, const char *word, struct review_words *w,
                       struct err *e)
{
        if (str_eq(word, "-h") || str_eq(word, "--help")) {
                w->wants_help = true;
        } else if (command == REVIEW_DIFF && (str_eq(word, "-p") || str_eq(word, "--patch"))) {
                w->wants_patch = true;
        } else if (command == REVIEW_APPLY && str_eq(word, "--overwrite")) {
                w->overwrites = true;
        } else {
                err_set(e, EINVAL, "unknown option '%s'", word);
                return err_hint(e, "see kelp %s --help", names[command]);
        }
        return 0;
}

static int check(enum review_command command, const struct review_words *w, struct err *e)
{
        if (w->wants_help)
                return 0;
        if (!w->id && command != REVIEW_DIFF) {
                err_set(e, EINVAL, "'kelp %s' needs a review", names[command]);
                return err_hint(e, "kelp diff lists those that wait");
        }
        if (!w->id && w->wants_patch) {
                err_set(e, EINVAL, "of which review");
                return err_hint(e, "kelp diff lists those that wait");
        }
        return 0;
}

int review_parse(struct arena *a, enum review_command command, int argc, char **argv,
                 struct review_words *ret, struct err *e)
{
        const char **paths = arena_alloc(a, ((size_t)argc + 1) * sizeof(*paths), e);
        struct review_words w = { 0 };
        bool are_words = false;

        if (!paths)
                return -e->code;
        for (int i = 1; i < argc; i++) {
                if (!are_words && str_eq(argv[i], "--"))
                        are_words = true;
                else if (!are_words && argv[i][0] == '-' && argv[i][1] != '\0') {
                        if (take_option(command, argv[i], &w, e) < 0)
                                return -e->code;
                } else if (!w.id)
                        w.id = argv[i];
                else
                        paths[w.n_paths++] = argv[i];
        }
        w.paths = paths;
        *ret = w;
        return check(command, &w, e);
}
