#include "box-words.h"

#include "help.h"
#include "log.h"
#include "mem.h"
#include "run-sandbox.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_OPTIONS 16

static int unknown(const struct box_words *w, const char *command, const char *word, struct err *e)
{
        char names[MAX_OPTIONS][40];
        const char *known[MAX_OPTIONS + 1];
        size_t n = 0;

        for (const struct box_option *o = w->options; n < MAX_OPTIONS && o->name; o++) {
                if (o->hint)
                        continue;
                snprintf(names[n], sizeof(names[n]), "--%s", o->name);
                known[n] = names[n];
                n++;
        }
        known[n] = NULL;
        /* a letter is near to every other */
        const char *nearest = strlen(word) > 2 ? str_nearest(word, known) : NULL;
        err_set(e, EINVAL, "unknown option '%s'", word);
        if (nearest)
                return err_hint(e, "did you mean '%s'", nearest);
        return err_hint(e, "kelp %s --help", command);
}

/*
 * Takes the value of an option, which may be the next argument; returns how many were taken.
 * `word` is how it was written.
 */
static int take_value(struct box_option *o, const char *command, const char *word,
                      const char *joined, const char *next, struct err *e)
{
        if (o->hint) {
                err_set(e, EINVAL, "unknown option '%s'", word);
                return err_hint(e, "%s", o->hint);
        }
        if (!o->has_value && joined) {
                err_set(e, EINVAL, "option '--%s' takes no value", o->name);
                return err_hint(e, "kelp %s --help", command);
        }
        if (o->has_value && !joined && !next) {
                err_set(e, EINVAL, "option '--%s' needs a value", o->name);
                return err_hint(e, "kelp %s --help", command);
        }
        o->value = !o->has_value ? o->name : joined ? joined : next;
        return o->has_value && !joined ? 2 : 1;
}

static int take_long(const struct box_words *w, const char *command, char **argv, struct err *e)
{
        const char *name = argv[0] + 2;
        size_t len = strcspn(name, "=");
        const char *joined = name[len] ? name + len + 1 : NULL;

        for (struct box_option *o = w->options; o->name; o++) {
                if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
                        return take_value(o, command, argv[0], joined, argv[1], e);
        }
        return unknown(w, command, argv[0], e);
}

/* "-f", "-n5", "-n 5", "-fn5"; "-9". */
static int take_letters(const struct box_words *w, const char *command, char **argv, struct err *e)
{
        for (struct box_option *o = w->options; o->name; o++) {
                if (o->is_bare && o->is_bare(argv[0] + 1)) {
                        o->value = argv[0] + 1;
                        return 1;
                }
        }
        for (const char *at = argv[0] + 1; *at; at++) {
                struct box_option *o = w->options;

                while (o->name && o->letter != *at)
                        o++;
                if (!o->name)
                        return unknown(w, command, argv[0], e);
                if (o->has_value || o->hint)
                        return take_value(o, command, argv[0], at[1] ? at + 1 : NULL, argv[1], e);
                o->value = o->name;
        }
        return 1;
}

static int read_words(struct box_words *w, int argc, char **argv, struct err *e)
{
        bool has_ended = false;

        for (int i = 1; i < argc;) {
                int taken = 1;

                if (argv[i][0] == '\0')
                        return err_set(e, EINVAL, "the name of the sandbox is empty");
                if (has_ended || argv[i][0] != '-' || argv[i][1] == '\0')
                        w->given[w->n_given++] = argv[i];
                else if (str_eq(argv[i], "--"))
                        has_ended = true;
                else if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))
                        w->wants_help = true;
                else if (argv[i][1] == '-')
                        taken = take_long(w, argv[0], argv + i, e);
                else
                        taken = take_letters(w, argv[0], argv + i, e);
                if (w->wants_help)
                        return 0;
                if (taken < 0)
                        return taken;
                i += taken;
        }
        return 0;
}

const char *box_words_find(const struct box_words *w, const char *name)
{
        for (const struct box_option *o = w->options; o->name; o++) {
                if (str_eq(o->name, name))
                        return o->value;
        }
        return NULL;
}

int box_words_read_format(const struct box_words *w, bool *ret_json, struct err *e)
{
        const char *format = box_words_find(w, "format");
        bool is_json = box_words_find(w, "json");

        if (format && !str_eq(format, "json") && !str_eq(format, "table")) {
                err_set(e, EINVAL, "there is no format '%s'", format);
                return err_hint(e, "--format table, or --format json");
        }
        if (format && is_json && !str_eq(format, "json")) {
                err_set(e, EINVAL, "--json is another format than '%s'", format);
                return err_hint(e, "leave one of them out");
        }
        *ret_json = is_json || (format && str_eq(format, "json"));
        return 0;
}

int box_words_need(const struct box_words *w, const char *command, int max, struct err *e)
{
        if (w->n_given == 0)
                err_set(e, EINVAL, "'kelp %s' needs the NAME or ID of a sandbox", command);
        else if (w->n_given > max)
                err_set(e, EINVAL, "unexpected word '%s'", w->given[max]);
        else
                return 0;
        return err_hint(e, "kelp %s --help; kelp ps -a lists the sandboxes", command);
}

int box_words_run(box_words_fn *fn, void *arg, struct box_option *options, const char *usage,
                  int argc, char **argv)
{
        struct err e = { 0 };
        autofree char **given = mem_alloc((size_t)argc * sizeof(*given), &e);
        struct box_words w = { .options = options, .given = given };
        int status = given ? read_words(&w, argc, argv, &e) : -e.code;

        if (status == 0 && w.wants_help)
                fputs(usage, stdout);
        else if (status == 0)
                status = fn(&w, arg, &e);
        if (status < 0) {
                log_err(&e);
                return EXIT_FAILED;
        }
        return status ? status : help_end();
}
