#include "commands.h"

#include "box-print.h"
#include "box-words.h"
#include "help.h"
#include "mem.h"
#include "state.h"

#include <errno.h>
#include <stdio.h>

/* kelp inspect: all that is known of sandboxes, as JSON. */

static const char usage[] = "Usage:  kelp inspect SANDBOX...\n\n"
                            "Prints all that is known of each sandbox: an array of JSON objects.\n";

static int print_all(const struct box_words *w, struct err *e)
{
        autostate s = STATE_NONE;
        autofree struct box_status *found = mem_alloc((size_t)w->n_given * sizeof(*found), e);

        if (!found || state_open(&s, e) < 0)
                return -e->code;
        for (int i = 0; i < w->n_given; i++) {
                if (state_find(&s, w->given[i], &found[i], e) == 0)
                        continue;
                if (e->code == ENOENT)
                        err_hint(e,
                                 "kelp ps -a lists the sandboxes, kelp images --json the images");
                return -e->code;
        }
        for (int i = 0; i < w->n_given; i++) {
                fputs(i ? ",\n  {\n    " : "[\n  {\n    ", stdout);
                box_print_json(stdout, &found[i], ",\n    ");
                fputs(",\n    \"directory\": ", stdout);
                box_print_path(stdout, s.path, found[i].id);
                fputs("\n  }", stdout);
        }
        fputs("\n]\n", stdout);
        return 0;
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
        if (box_words_need(&w, "inspect", argc, &e) < 0 || print_all(&w, &e) < 0)
                return box_words_fail(&e);
        return help_end();
}
