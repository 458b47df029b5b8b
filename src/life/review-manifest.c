#include "review.h"

#include "fd.h"
#include "io.h"
#include "parse.h"
#include "path.h"
#include "str.h"
#include "word.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The manifest: "key value" lines, each ended by a NUL, since a path may have a newline in it.  The
 * last one is "end".
 *
 *      kelp-review 1
 *      start NANOSECONDS
 *      command TEXT            for the eye
 *      run NAME                of one that has a name
 *      place NUMBER DEV INO PATH
 *      name PATH               protected, relative
 *      path PATH               protected, on the host
 *      link PATH               the same, of a symlink alone
 */

#define MANIFEST     "manifest"
#define VERSION      "kelp-review 1"
#define MAX_MANIFEST ((size_t)16 << 20)
#define MAX_NAMES    100000
#define MAX_COMMAND  2000

static int64_t clock_ns(clockid_t clock)
{
        struct timespec t = { 0 };

        clock_gettime(clock, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void put_command(FILE *out, const struct plan *p)
{
        char text[MAX_COMMAND];

        fprintf(out, "command %s%c", word_quote_command(text, sizeof(text), p->exec.argv), '\0');
}

static void put_all(FILE *out, const struct plan *p, const struct tree *t, int64_t start_ns)
{
        fprintf(out, VERSION "%cstart %" PRId64 "%c", '\0', start_ns, '\0');
        put_command(out, p);
        if (p->name)
                fprintf(out, "run %s%c", p->name, '\0');
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->flags & TREE_OVERLAID)
                        fprintf(out, "place %s %" PRIu64 " %" PRIu64 " %s%c", entry->upper,
                                entry->dev, entry->ino, entry->source, '\0');
        }
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (rule->kind == PLAN_RULE_PROTECTED && rule->box_path[0] != '/')
                        fprintf(out, "name %s%c", rule->box_path, '\0');
        }
        for (size_t i = 0; i < t->n_watched; i++)
                fprintf(out, "%s %s%c", t->watched[i].only_link ? "link" : "path",
                        t->watched[i].host_path, '\0');
        fprintf(out, "end%c", '\0');
}

/*
 * Files get their times from a clock that moves in steps.  What is changed from now on has a time
 * behind the start, and what was changed before has none: the payload is not let go in the same step.
 */
static void await_step(int64_t start_ns)
{
        for (int64_t now; (now = clock_ns(CLOCK_REALTIME_COARSE)) <= start_ns;) {
                const struct timespec rest = { .tv_nsec = (start_ns - now) % 1000000000 + 100000 };

                clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
        }
}

static int start(const struct plan *p, const struct tree *t, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;
        int64_t start_ns = clock_ns(CLOCK_REALTIME);
        FILE *out = open_memstream(&text, &len);

        if (!out)
                return err_sys(e, "no memory");
        put_all(out, p, t, start_ns);
        if (fclose(out) != 0)
                return err_sys(e, "no memory");
        /* what could not be read again would never be applied */
        if (len > MAX_MANIFEST)
                return err_set(e, EFBIG, "there are too many protected names");
        autofd dir = open(t->overlay_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
                return err_sys(e, "cannot open '%s'", t->overlay_dir);
        if (review_write_file(dir, MANIFEST, text, len, e) < 0)
                return -e->code;
        await_step(start_ns);
        return 0;
}

int review_start(const struct plan *p, const struct tree *t, struct err *e)
{
        if (!t->is_review)
                return 0;
        return start(p, t, e) < 0 ? err_prefix(e, "cannot note what is to be reviewed") : 0;
}

static int add_place(struct review *r, char *value, struct err *e)
{
        struct review_place place = { 0 };
        const char *numbers[3] = { NULL };
        uint64_t number = 0;

        for (size_t i = 0; i < 3; i++)
                numbers[i] = str_next_field(&value, ' ');
        if (!value || !path_is_clean(value) ||
            parse_number(numbers[0], 0, REVIEW_MAX_PLACES, &number, e) < 0 ||
            parse_number(numbers[1], 0, UINT64_MAX, &place.dev, e) < 0 ||
            parse_number(numbers[2], 0, UINT64_MAX, &place.ino, e) < 0)
                return err_set(e, EBADMSG, "a place is damaged");
        place.number = (size_t)number;
        place.path = arena_copy(&r->arena, value, e);
        if (!place.path || arena_grow(&r->arena, &r->places, r->n_places, sizeof(*r->places),
                                      REVIEW_MAX_PLACES, "directories of a review", e) < 0)
                return -e->code;
        r->places[r->n_places++] = place;
        return 0;
}

static int add_name(struct review *r, const char *value, struct err *e)
{
        if (arena_grow(&r->arena, &r->names, r->n_names, sizeof(*r->names), MAX_NAMES,
                       "protected names", e) < 0)
                return -e->code;
        r->names[r->n_names] = arena_copy(&r->arena, value, e);
        return r->names[r->n_names++] ? 0 : -e->code;
}

static int add_obeyed(struct review *r, const char *value, bool only_link, struct err *e)
{
        if (arena_grow(&r->arena, &r->obeyed, r->n_obeyed, sizeof(*r->obeyed), TREE_MAX_ENTRIES,
                       "protected paths", e) < 0)
                return -e->code;
        struct review_obeyed *added = &r->obeyed[r->n_obeyed++];
        *added = (struct review_obeyed){ arena_copy(&r->arena, value, e), only_link };
        return added->path ? 0 : -e->code;
}

/* 1: that was the last one. */
static int take_line(struct review *r, char *line, struct err *e)
{
        char *value = line;
        const char *key = str_next_field(&value, ' ');
        uint64_t start_ns;

        if (str_eq(key, "end"))
                return 1;
        if (!value)
                return err_set(e, EBADMSG, "a line is damaged");
        if (str_eq(key, "place"))
                return add_place(r, value, e);
        if (str_eq(key, "name"))
                return add_name(r, value, e);
        if (str_eq(key, "path") || str_eq(key, "link"))
                return add_obeyed(r, value, str_eq(key, "link"), e);
        if (str_eq(key, "command") || str_eq(key, "run")) {
                const char **text = str_eq(key, "run") ? &r->name : &r->command;

                *text = arena_copy(&r->arena, value, e);
                return *text ? 0 : -e->code;
        }
        if (str_eq(key, "start")) {
                if (parse_number(value, 0, INT64_MAX, &start_ns, e) < 0)
                        return -e->code;
                r->start_ns = (int64_t)start_ns;
        }
        return 0;
}

int review_read_manifest(struct review *r, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        if (io_read_file(r->dir, MANIFEST, MAX_MANIFEST, &text, &len, e) < 0)
                return err_prefix(e, "the review %s", r->id);
        if (!str_eq(text, VERSION)) {
                err_set(e, EBADMSG, "the review %s is not one of this version of kelp", r->id);
                return err_hint(e, "its files are in '%s/N/upper' of kelp's state directory",
                                r->id);
        }
        r->name = "";
        r->command = "";
        for (char *line = text; line < text + len; line += strlen(line) + 1) {
                char *copy = arena_copy(&r->arena, line, e);
                int end = copy ? take_line(r, copy, e) : -e->code;

                if (end < 0)
                        return err_prefix(e, "the manifest of the review %s", r->id);
                if (end == 1) {
                        review_sort_obeyed(r);
                        return 0;
                }
        }
        return err_set(e, EBADMSG, "the manifest of the review %s has no end", r->id);
}
