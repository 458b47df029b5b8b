#include "commands.h"

#include "box-print.h"
#include "box-words.h"
#include "facts.h"
#include "mem.h"
#include "review.h"
#include "state.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

/* kelp inspect: all that is known of sandboxes and reviews, as JSON. */

static const char usage[] =
        "Usage:  kelp inspect SANDBOX...\n\n"
        "Prints all that is known of each sandbox: an array of JSON objects. SANDBOX may be a\n"
        "review, too: its id, or the name of its run.\n";

struct search {
        FILE *out;
        const char *root; /* of the reviews */
        const char *id;   /* of the one */
        bool is_member;   /* of the object of its sandbox */
        bool is_found;
};

static int print_review(const struct review *r, void *arg, struct err *e)
{
        struct search *s = arg;
        const char *separator = s->is_member ? ", " : ",\n    ";

        (void)e;
        if (!str_eq(r->id, s->id))
                return 0;
        s->is_found = true;
        fputs(s->is_member ? "{ " : "", s->out);
        box_print_review(s->out, r, separator);
        fprintf(s->out, "%s\"directory\": ", separator);
        box_print_path(s->out, s->root, r->id);
        fputs(s->is_member ? " }" : "", s->out);
        return 0;
}

static int find_reviews(struct arena *a, const char **ret_root, struct err *e)
{
        struct plan_facts facts;

        if (facts_find(a, &facts, e) < 0)
                return -e->code;
        return review_find_root(a, facts.home, ret_root, e);
}

/* What is no sandbox may be a review: `why` is what is said if it is none either. */
static int print_other(FILE *out, const char *word, struct err *why)
{
        struct arena arena = { 0 };
        char id[REVIEW_ID_LEN + 1];
        struct search s = { .out = out, .id = id };
        struct err e = { 0 };

        if (find_reviews(&arena, &s.root, &e) == 0 && review_find(s.root, word, id, &e) == 0)
                review_list(s.root, print_review, &s, &e);
        arena_done(&arena);
        const char *guess = err_get_hint(why);
        bool is_none = e.code == ENOENT || (e.code == 0 && !s.is_found);

        if (is_none && guess && str_has_prefix(guess, "did you mean "))
                return -why->code;
        if (is_none)
                return err_hint(why, "kelp ps -a lists the sandboxes and the reviews, kelp images "
                                     "--json the images");
        *why = e;
        return -e.code;
}

/* What the run of a sandbox has written has the same id. */
static int print_own_review(FILE *out, const char *id, struct err *e)
{
        struct arena arena = { 0 };
        struct search s = { .out = out, .id = id, .is_member = true };

        if (find_reviews(&arena, &s.root, e) == 0)
                review_list(s.root, print_review, &s, e);
        arena_done(&arena);
        if (!s.is_found)
                fputs("null", out);
        return -e->code;
}

static int print_one(FILE *out, const struct state *s, const char *word, struct err *e)
{
        char boxes[PATH_MAX + 8];
        struct box_status found;

        if (state_find(s, word, &found, e) < 0)
                return e->code == ENOENT ? print_other(out, word, e) : -e->code;
        box_print_json(out, &found, ",\n    ");
        fputs(",\n    \"directory\": ", out);
        snprintf(boxes, sizeof(boxes), "%s/boxes", s->path);
        box_print_path(out, boxes, found.id);
        fputs(",\n    \"limits\": ", out);
        box_print_limits(out, &found);
        fputs(",\n    \"review\": ", out);
        return print_own_review(out, found.id, e);
}

/* Of one that is not there nothing is printed, of the others neither. */
static int print_all(const struct box_words *w, FILE *out, struct err *e)
{
        autostate s = STATE_NONE;

        if (state_open(&s, e) < 0)
                return -e->code;
        for (int i = 0; i < w->n_given; i++) {
                fputs(i ? ",\n  {\n    " : "[\n  {\n    ", out);
                if (print_one(out, &s, w->given[i], e) < 0)
                        return -e->code;
                fputs("\n  }", out);
        }
        fputs("\n]\n", out);
        return 0;
}

static int inspect(const struct box_words *w, void *arg, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        (void)arg;
        if (box_words_need(w, "inspect", w->n_given, e) < 0)
                return -e->code;
        FILE *out = open_memstream(&text, &len);
        int r = out ? print_all(w, out, e) : err_sys(e, "cannot prepare the answer");

        if (out && fclose(out) != 0 && r == 0)
                r = err_sys(e, "cannot prepare the answer");
        if (r == 0)
                fwrite(text, 1, len, stdout);
        return r;
}

int cmd_inspect(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "format",
                  .letter = 'f',
                  .hint = "it is always JSON: kelp inspect NAME | jq '.[0].state'" },
                { .name = "json", .hint = "it is always JSON: leave it out" },
                { .name = NULL },
        };

        return box_words_run(inspect, NULL, options, usage, argc, argv);
}
