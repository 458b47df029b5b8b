#include "commands.h"

#include "box-print.h"
#include "box-words.h"
#include "facts.h"
#include "help.h"
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
        "Prints all that is known of each sandbox: an array of JSON objects. SANDBOX may be the id\n"
        "of a review, too.\n";

struct search {
        FILE *out;
        const char *word;
        const char *root; /* of the reviews */
        bool is_found;
};

static int print_review(const struct review *r, void *arg, struct err *e)
{
        struct search *s = arg;

        if (!str_has_prefix(r->id, s->word))
                return 0;
        if (s->is_found) {
                err_set(e, ENOTUNIQ, "several reviews have an id that begins with '%s'", s->word);
                return err_hint(e, "kelp diff lists the reviews");
        }
        s->is_found = true;
        box_print_review(s->out, r, ",\n    ");
        fputs(",\n    \"directory\": ", s->out);
        box_print_path(s->out, s->root, r->id);
        return 0;
}

/* What is no sandbox may be a review: `why` is what is said if it is none either. */
static int print_other(FILE *out, const char *word, struct err *why)
{
        struct arena arena = { 0 };
        struct plan_facts facts;
        struct search s = { .out = out, .word = word };
        struct err e = { 0 };

        if (word[0] != '\0' && facts_find(&arena, &facts, &e) == 0 &&
            review_find_root(&arena, facts.home, &s.root, &e) == 0)
                review_list(s.root, print_review, &s, &e);
        arena_done(&arena);
        if (e.code == 0 && !s.is_found)
                return err_hint(why, "kelp ps -a lists the sandboxes and the reviews, kelp images "
                                     "--json the images");
        *why = e;
        return -e.code;
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
        return 0;
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

static int inspect(const struct box_words *w, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;
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
        struct box_option options[] = { { .name = NULL } };
        struct err e = { 0 };
        autofree char **given = mem_alloc((size_t)argc * sizeof(*given), &e);
        struct box_words w = { .usage = usage, .options = options, .given = given };

        if (!given || box_words_read(&w, argc, argv, &e) < 0)
                return box_words_fail(&e);
        if (w.wants_help)
                return box_words_help(&w);
        if (box_words_need(&w, "inspect", argc, &e) < 0 || inspect(&w, &e) < 0)
                return box_words_fail(&e);
        return help_end();
}
