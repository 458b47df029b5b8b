#include "commands.h"

#include "assemble.h"
#include "facts.h"
#include "help.h"
#include "log.h"
#include "path.h"
#include "review-apply.h"
#include "review-table.h"
#include "review-tell.h"
#include "review-words.h"
#include "run-sandbox.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* kelp diff, apply and discard: what a run with --review has written, and what becomes of it. */

#define STATUS_LEFT 1 /* of apply: some of it was not let in */

struct front {
        struct arena arena;
        struct plan_facts facts;
        struct review_words words;
        const char *root;
        struct review review;
        struct review_changes changes;
        struct review_request request;
};

static int open_changes(struct front *f, struct err *e)
{
        if (review_open(f->root, f->words.id, &f->review, e) < 0 ||
            review_find_changes(&f->review, &f->changes, e) < 0)
                return -e->code;
        return 0;
}

static bool is_anywhere(const struct front *f, const char *path)
{
        for (size_t i = 0; i < f->review.n_places; i++) {
                if (path_is_in(path, f->review.places[i].path))
                        return true;
        }
        return false;
}

/* As it is typed, from here; what is not in the review's directories counts from the first of them. */
static const char *find_path(struct front *f, const char *word, struct err *e)
{
        const char *cwd = f->facts.cwd ? f->facts.cwd : "/";
        const char *path = path_clean(&f->arena, cwd, word, e);

        if (path && !is_anywhere(f, path) && word[0] != '/' && f->review.n_places > 0)
                path = path_clean(&f->arena, f->review.places[0].path, word, e);
        return path;
}

static bool is_any_asked(const struct front *f, const struct review_request *one)
{
        for (size_t i = 0; i < f->changes.n; i++) {
                if (review_is_told(&f->changes.items[i]) &&
                    review_is_asked(&f->changes, one, &f->changes.items[i]))
                        return true;
        }
        return false;
}

static int find_paths(struct front *f, struct err *e)
{
        const char **paths = arena_alloc(&f->arena, (f->words.n_paths + 1) * sizeof(*paths), e);

        if (!paths)
                return -e->code;
        for (size_t i = 0; i < f->words.n_paths; i++) {
                paths[i] = find_path(f, f->words.paths[i], e);
                if (!paths[i])
                        return -e->code;
                const struct review_request one = { .paths = &paths[i], .n_paths = 1 };
                if (!is_any_asked(f, &one)) {
                        err_set(e, ENOENT, "the review %s has no change at '%s'", f->review.id,
                                f->words.paths[i]);
                        return err_hint(e, "kelp diff %s lists them", f->review.id);
                }
        }
        f->request.paths = paths;
        f->request.n_paths = f->words.n_paths;
        f->request.overwrites = f->words.overwrites;
        return 0;
}

static int list(struct front *f, struct err *e)
{
        size_t n = 0;

        if (review_table_print(f->root, "", &n, e) < 0)
                return EXIT_FAILED;
        if (n == 0)
                log_notice("no review waits");
        return help_end();
}

static int diff(struct front *f, struct err *e)
{
        if (!f->words.id)
                return list(f, e);
        if (open_changes(f, e) < 0 || find_paths(f, e) < 0)
                return EXIT_FAILED;
        if (!f->words.wants_patch)
                review_print(stdout, &f->changes, &f->request);
        else if (review_print_patch(stdout, &f->changes, &f->request, e) < 0)
                return EXIT_FAILED;
        return help_end();
}

/* What still differs, whatever was asked for. */
static size_t count_left(const struct front *f, const struct review_outcome *outcomes)
{
        size_t n = 0;

        for (size_t i = 0; i < f->changes.n; i++) {
                if (review_is_told(&f->changes.items[i]) && outcomes[i].fate != REVIEW_APPLIED &&
                    outcomes[i].fate != REVIEW_IN_PLACE)
                        n++;
        }
        return n;
}

static const char *word_of(const struct review_changes *c, const struct review_change *change,
                           enum review_fate fate)
{
        switch (fate) {
        case REVIEW_LEFT_CONFLICT:
        case REVIEW_LEFT_REFUSED:
                return "not applied: ";
        case REVIEW_LEFT_ABOVE:
                return "not applied, as its directory was not: ";
        case REVIEW_APPLIED:
                return review_is_always_named(c, change) ? "applied: " : NULL;
        case REVIEW_NOT_ASKED:
        case REVIEW_IN_PLACE:
                break;
        }
        return NULL;
}

/* What is always named, and what is left. */
static size_t tell_outcomes(const struct front *f, const struct review_outcome *outcomes)
{
        char line[REVIEW_LINE_MAX];
        size_t n_applied = 0;

        for (size_t i = 0; i < f->changes.n; i++) {
                const struct review_change *change = &f->changes.items[f->changes.by_path[i]];
                enum review_fate fate = outcomes[f->changes.by_path[i]].fate;
                const char *word = word_of(&f->changes, change, fate);

                if (!review_is_told(change))
                        continue;
                n_applied += fate == REVIEW_APPLIED;
                if (!word)
                        continue;
                review_put_line(&f->changes, change, true, line, sizeof(line));
                log_notice("%s%s", word, line);
        }
        return n_applied;
}

static size_t count_fates(const struct front *f, const struct review_outcome *outcomes,
                          enum review_fate fate)
{
        size_t n = 0;

        for (size_t i = 0; i < f->changes.n; i++)
                n += review_is_told(&f->changes.items[i]) && outcomes[i].fate == fate;
        return n;
}

static int end_apply(struct front *f, const struct review_outcome *outcomes, struct err *e)
{
        size_t n_applied = tell_outcomes(f, outcomes);
        size_t n_left = count_left(f, outcomes);
        size_t n_conflicts = count_fates(f, outcomes, REVIEW_LEFT_CONFLICT);

        if (n_left == 0) {
                if (review_remove(f->root, &f->review, e) < 0)
                        return EXIT_FAILED;
                log_notice("applied all of the review %s", f->review.id);
                return 0;
        }
        log_notice("applied %zu of the review %s, and %zu %s left", n_applied, f->review.id, n_left,
                   n_left == 1 ? "is" : "are");
        if (n_conflicts > 0)
                log_hint("kelp diff --patch %s shows them; kelp apply --overwrite %s PATH replaces "
                         "what you changed",
                         f->review.id, f->review.id);
        else if (count_fates(f, outcomes, REVIEW_NOT_ASKED) > 0)
                log_hint("kelp apply %s applies more, kelp discard %s throws the rest away",
                         f->review.id, f->review.id);
        else
                log_hint("kelp discard %s throws the rest away", f->review.id);
        return n_left > count_fates(f, outcomes, REVIEW_NOT_ASKED) ? STATUS_LEFT : 0;
}

static int apply(struct front *f, struct err *e)
{
        struct review_outcome *outcomes = NULL;

        if (open_changes(f, e) < 0 || find_paths(f, e) < 0)
                return EXIT_FAILED;
        if (review_apply(&f->changes, &f->request, &outcomes, e) < 0) {
                err_hint(e, "nothing of the review is lost: kelp apply %s goes on", f->review.id);
                return EXIT_FAILED;
        }
        return end_apply(f, outcomes, e);
}

struct doomed {
        struct review *items;
        size_t n;
};

static bool is_among(const struct doomed *d, const char *id)
{
        for (size_t i = 0; i < d->n; i++) {
                if (str_eq(d->items[i].id, id))
                        return true;
        }
        return false;
}

/* What is damaged goes, too. */
static int add_doomed(struct front *f, const char *word, struct doomed *d, struct err *e)
{
        char id[REVIEW_ID_LEN + 1];

        if (review_find(f->root, word, id, e) < 0)
                return -e->code;
        if (is_among(d, id))
                return 0;
        if (review_open(f->root, id, &d->items[d->n++], e) < 0 && e->code != EBADMSG)
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

/* Nothing goes before all are found, and nobody else's. */
static int find_doomed(struct front *f, struct doomed *d, struct err *e)
{
        if (add_doomed(f, f->words.id, d, e) < 0)
                return -e->code;
        for (size_t i = 0; i < f->words.n_paths; i++) {
                const char *word = f->words.paths[i];

                if (add_doomed(f, word, d, e) == 0)
                        continue;
                if (e->code != ENOENT)
                        return -e->code;
                /* it may be meant as a path */
                err_set(e, ENOENT, "there is no review '%s', and one is discarded as a whole",
                        word);
                return err_hint(e, "kelp discard %s; before it, kelp apply %s PATH lets in some",
                                d->items[0].id, d->items[0].id);
        }
        return 0;
}

static int remove_doomed(const struct front *f, struct doomed *d, struct err *e)
{
        for (size_t i = 0; i < d->n; i++) {
                if (review_remove(f->root, &d->items[i], e) < 0)
                        return -e->code;
                log_notice("discarded the review %s", d->items[i].id);
        }
        return 0;
}

static int discard(struct front *f, struct err *e)
{
        size_t max = f->words.n_paths + 1;
        struct doomed d = { .items = arena_alloc(&f->arena, max * sizeof(*d.items), e) };

        if (!d.items)
                return EXIT_FAILED;
        for (size_t i = 0; i < max; i++)
                d.items[i] = (struct review)REVIEW_NONE;
        if (find_doomed(f, &d, e) == 0)
                remove_doomed(f, &d, e);
        for (size_t i = 0; i < d.n; i++)
                review_done(&d.items[i]);
        return e->code ? EXIT_FAILED : 0;
}

static int run(struct front *f, enum review_command command, struct err *e)
{
        if (facts_find(&f->arena, &f->facts, e) < 0 ||
            review_find_root(&f->arena, f->facts.home, &f->root, e) < 0)
                return EXIT_FAILED;
        switch (command) {
        case REVIEW_DIFF:
                return diff(f, e);
        case REVIEW_APPLY:
                return apply(f, e);
        case REVIEW_DISCARD:
                return discard(f, e);
        }
        return EXIT_FAILED;
}

int cmd_review(int argc, char **argv)
{
        struct front f = { .review = REVIEW_NONE };
        enum review_command command = review_find_command(argv[0]);
        struct err e = { 0 };
        int status = EXIT_FAILED;

        if (review_parse(&f.arena, command, argc, argv, &f.words, &e) == 0)
                status = f.words.wants_help ? review_print_help(command) : run(&f, command, &e);
        if (e.code != 0)
                log_err(&e);
        review_changes_done(&f.changes);
        review_done(&f.review);
        arena_done(&f.arena);
        return status;
}
