#include "commands.h"

#include "box-print.h"
#include "box-words.h"
#include "facts.h"
#include "mem.h"
#include "review-table.h"
#include "review.h"
#include "state.h"
#include "str.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* kelp ps: what there is, by what is known of it. */

/* Of a command or an image a table shows so much, unless all is asked for. */
#define MAX_SHOWN 40

enum ps_format {
        PS_TABLE,
        PS_JSON,
        PS_IDS,
};

static const char usage[] =
        "Usage:  kelp ps [-a] [-q] [--no-trunc] [--format table|json]\n\n"
        "Lists the sandboxes that run.\n\n"
        "  -a, --all        those that have ended, too, until kelp rm removes them; and below\n"
        "                   them the runs with --review that wait for kelp apply or kelp discard\n"
        "  -q, --quiet      the ids alone\n"
        "      --format F   table, or json: an array of objects\n"
        "      --json       the same as --format json\n"
        "      --no-trunc   commands in full\n";

#define PICK "programs pick from it with jq: kelp ps -a --json | jq '.[-1]'"

enum column {
        COLUMN_ID,
        COLUMN_NAME,
        COLUMN_IMAGE,
        COLUMN_COMMAND,
        COLUMN_CREATED,
        COLUMN_STATUS,
        COLUMN_COUNT,
};

static const char *const headings[] = {
        [COLUMN_ID] = "ID",           [COLUMN_NAME] = "NAME",       [COLUMN_IMAGE] = "IMAGE",
        [COLUMN_COMMAND] = "COMMAND", [COLUMN_CREATED] = "CREATED", [COLUMN_STATUS] = "STATUS",
};
static_assert(sizeof(headings) / sizeof(headings[0]) == COLUMN_COUNT, "a heading for every column");

#define MAX_CELL_SIZE sizeof(((struct box_status *)0)->command)

struct ps {
        enum ps_format format;
        bool takes_all;
        bool is_whole;
        int64_t now_s;
        size_t n; /* of those that were met */
        int widths[COLUMN_COUNT];
        bool is_measured; /* the widths are known: a table is made in two goes */
};

/* Cut at a character. */
static void cut(char *cell)
{
        size_t end = MAX_SHOWN - 3;

        if (strlen(cell) <= MAX_SHOWN)
                return;
        while (end > 0 && ((unsigned char)cell[end] & 0xc0) == 0x80)
                end--;
        memcpy(cell + end, "...", 4);
}

static void fill_cell(const struct ps *p, const struct box_status *s, enum column column,
                      char cell[MAX_CELL_SIZE])
{
        char text[BOX_PRINT_MAX];

        switch (column) {
        case COLUMN_ID:
                snprintf(cell, MAX_CELL_SIZE, "%s", s->id);
                return;
        case COLUMN_NAME:
                snprintf(cell, MAX_CELL_SIZE, "%s", s->name);
                return;
        case COLUMN_IMAGE:
                snprintf(cell, MAX_CELL_SIZE, "%s", s->image);
                break;
        case COLUMN_COMMAND:
                snprintf(cell, MAX_CELL_SIZE, "%s", s->command);
                break;
        case COLUMN_CREATED:
                box_print_span(p->now_s - s->created_s, text);
                snprintf(cell, MAX_CELL_SIZE, "%s ago", text);
                return;
        case COLUMN_STATUS:
        case COLUMN_COUNT:
                box_print_state(s, p->now_s, text);
                snprintf(cell, MAX_CELL_SIZE, "%s", text);
                return;
        }
        if (!p->is_whole)
                cut(cell);
}

static void print_cell(struct ps *p, enum column column, const char *cell)
{
        int len = (int)strlen(cell);

        if (!p->is_measured && len > p->widths[column])
                p->widths[column] = len;
        if (p->is_measured && column + 1 < COLUMN_COUNT)
                printf("%-*s   ", p->widths[column], cell);
        else if (p->is_measured)
                printf("%s\n", cell);
}

static int print_one(void *arg, const struct box_status *s, struct err *e)
{
        struct ps *p = arg;
        char cell[MAX_CELL_SIZE];

        (void)e;
        if (!p->takes_all && s->phase == BOX_EXITED)
                return 0;
        if (p->format == PS_IDS) {
                puts(s->id);
        } else if (p->format == PS_JSON) {
                fputs(p->n ? ",\n  { " : "\n  { ", stdout);
                box_print_json(stdout, s, ", ");
                fputs(" }", stdout);
        } else {
                for (int column = 0; column < COLUMN_COUNT; column++) {
                        fill_cell(p, s, (enum column)column, cell);
                        print_cell(p, (enum column)column, cell);
                }
        }
        p->n++;
        return 0;
}

struct list {
        struct box_status *items;
        size_t n;
        size_t room;
};

static int keep(void *arg, const struct box_status *s, struct err *e)
{
        struct list *l = arg;

        if (mem_grow(&l->items, l->n, &l->room, sizeof(*l->items), e) < 0)
                return -e->code;
        l->items[l->n++] = *s;
        return 0;
}

static int print_table(struct ps *p, const struct list *l, struct err *e)
{
        for (int pass = 0; pass < 2; pass++) {
                for (int column = 0; column < COLUMN_COUNT; column++)
                        print_cell(p, (enum column)column, headings[column]);
                for (size_t i = 0; i < l->n; i++) {
                        if (print_one(p, &l->items[i], e) < 0)
                                return -e->code;
                }
                p->is_measured = true;
        }
        return 0;
}

static int print_review(const struct review *r, void *arg, struct err *e)
{
        struct ps *p = arg;

        (void)e;
        fputs(p->n++ ? ",\n  { " : "\n  { ", stdout);
        box_print_review(stdout, r, ", ");
        fputs(" }", stdout);
        return 0;
}

/*
 * What a run has left to be looked at is none of a sandbox any more, but still there.  Its id is not
 * for the commands about sandboxes, so it is not among the ids alone.
 */
static int print_reviews(struct ps *p, struct err *e)
{
        struct arena arena = { 0 };
        struct plan_facts facts;
        const char *root;
        size_t n;

        if (!p->takes_all || p->format == PS_IDS)
                return 0;
        if (facts_find(&arena, &facts, e) == 0 &&
            review_find_root(&arena, facts.home, &root, e) == 0) {
                if (p->format == PS_JSON)
                        review_list(root, print_review, p, e);
                else
                        review_table_print(root, "\n", &n, e);
        }
        arena_done(&arena);
        return -e->code;
}

static int print_all(struct ps *p, struct err *e)
{
        autostate state = STATE_NONE;
        struct list l = { 0 };
        int r;

        if (state_open(&state, e) < 0)
                return -e->code;
        if (p->format == PS_TABLE) {
                r = state_list(&state, keep, &l, e);
                if (r == 0)
                        r = print_table(p, &l, e);
                if (r == 0)
                        r = print_reviews(p, e);
                mem_free_at(&l.items);
                return r;
        }
        if (p->format == PS_JSON)
                fputs("[", stdout);
        r = state_list(&state, print_one, p, e);
        if (r == 0)
                r = print_reviews(p, e);
        if (p->format == PS_JSON)
                fputs(p->n ? "\n]\n" : "]\n", stdout);
        return r;
}

static int read_format(const struct box_words *w, enum ps_format *ret, struct err *e)
{
        bool is_json;

        if (box_words_read_format(w, &is_json, e) < 0)
                return -e->code;
        *ret = is_json ? PS_JSON : PS_TABLE;
        if (!box_words_find(w, "quiet"))
                return 0;
        if (is_json || box_words_find(w, "format")) {
                err_set(e, EINVAL, "--quiet prints ids alone, --format something else");
                return err_hint(e, "leave one of them out");
        }
        *ret = PS_IDS;
        return 0;
}

static int ps(const struct box_words *w, void *arg, struct err *e)
{
        struct ps p = { .format = PS_TABLE, .now_s = (int64_t)time(NULL) };

        (void)arg;
        if (w->n_given > 0) {
                err_set(e, EINVAL, "unexpected word '%s'", w->given[0]);
                return err_hint(e, "kelp inspect %s tells of one sandbox", w->given[0]);
        }
        if (read_format(w, &p.format, e) < 0)
                return -e->code;
        p.takes_all = box_words_find(w, "all");
        p.is_whole = box_words_find(w, "no-trunc");
        return print_all(&p, e);
}

int cmd_ps(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "all", .letter = 'a' },
                { .name = "quiet", .letter = 'q' },
                { .name = "format", .has_value = true },
                { .name = "json" },
                { .name = "no-trunc" },
                { .name = "filter", .letter = 'f', .hint = PICK },
                { .name = "latest", .letter = 'l', .hint = PICK },
                { .name = "last", .letter = 'n', .hint = PICK },
                { .name = NULL },
        };

        return box_words_run(ps, NULL, options, usage, argc, argv);
}
