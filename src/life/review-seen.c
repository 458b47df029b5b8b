#include "review-change.h"

#include "fd.h"
#include "io.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The list of what was below each changed name when it was first looked at, when the run had ended:
 * one record a name, ended by a NUL.  A name that is not in it was not there, and what is there now is
 * its user's.
 *
 *      PLACE MODE INO NLINK SIZE MTIME CTIME DIGEST N IS_NEW PATH
 */

#define SEEN     "seen"
#define MAX_SEEN ((size_t)1 << 30)
#define N_FIELDS 10

static int compare_seen(const void *a, const void *b)
{
        const struct review_seen *x = a;
        const struct review_seen *y = b;

        if (x->place != y->place)
                return x->place < y->place ? -1 : 1;
        return strcmp(x->path, y->path);
}

/* Times may lie before 1970: they are written as what they are in two's complement. */
static int read_record(char *line, struct review_seen *ret, struct err *e)
{
        uint64_t n[N_FIELDS];

        for (size_t i = 0; i < N_FIELDS; i++) {
                const char *field = str_next_field(&line, ' ');

                if (!field || parse_number(field, 0, UINT64_MAX, &n[i], e) < 0)
                        return err_set(e, EBADMSG, "a record is damaged");
        }
        if (!line)
                return err_set(e, EBADMSG, "a record is damaged");
        *ret = (struct review_seen){
                .place = (size_t)n[0],
                .path = line,
                .ident = { .exists = true,
                           .mode = (unsigned)n[1],
                           .ino = n[2],
                           .nlink = n[3],
                           .size = (int64_t)n[4],
                           .mtime_ns = (int64_t)n[5],
                           .ctime_ns = (int64_t)n[6] },
                .below = { .digest = n[7], .n = (size_t)n[8], .is_new = n[9] != 0 },
        };
        return 0;
}

static int read_records(struct review_changes *c, const char *text, size_t len, struct err *e)
{
        for (const char *at = text; at < text + len; at += strlen(at) + 1) {
                char *copy = arena_copy(&c->arena, at, e);

                if (!copy ||
                    arena_grow(&c->arena, &c->seen, c->n_seen, sizeof(*c->seen),
                               2 * REVIEW_MAX_CHANGES, "changes", e) < 0 ||
                    read_record(copy, &c->seen[c->n_seen], e) < 0)
                        return -e->code;
                c->n_seen++;
        }
        return 0;
}

void review_note_seen(const struct review_changes *c, struct review_change *change)
{
        const struct review_seen wanted = { .place = change->place, .path = change->path };
        const struct review_seen *found = NULL;

        if (!c->has_seen) {
                change->seen = change->lower;
                change->seen_below = change->below;
                change->is_seen = true;
                return;
        }
        if (c->n_seen > 0)
                found = bsearch(&wanted, c->seen, c->n_seen, sizeof(*c->seen), compare_seen);
        if (!found)
                return;
        change->seen = found->ident;
        change->seen_below = found->below;
        change->is_seen = true;
}

int review_read_seen(struct review_changes *c, struct err *e)
{
        autofree char *text = NULL;
        struct err none = { 0 };
        size_t len = 0;

        if (io_read_file(c->review->dir, SEEN, MAX_SEEN, &text, &len, &none) == 0) {
                c->has_seen = true;
                if (read_records(c, text, len, e) < 0)
                        return err_prefix(e, "what was seen of the review %s", c->review->id);
                if (c->n_seen > 1)
                        qsort(c->seen, c->n_seen, sizeof(*c->seen), compare_seen);
        } else if (none.code != ENOENT) {
                *e = none;
                return -e->code;
        }
        for (size_t i = 0; i < c->n; i++)
                review_note_seen(c, &c->items[i]);
        return 0;
}

static void put_record(FILE *out, const struct review_change *change)
{
        const struct review_ident *id = &change->lower;

        fprintf(out,
                "%zu %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                " %zu %d %s%c",
                change->place, id->mode, id->ino, id->nlink, (uint64_t)id->size,
                (uint64_t)id->mtime_ns, (uint64_t)id->ctime_ns, change->below.digest,
                change->below.n, change->below.is_new, change->path, '\0');
}

int review_write_seen(struct review_changes *c, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        if (c->has_seen)
                return 0;
        FILE *out = open_memstream(&text, &len);
        if (!out)
                return err_sys(e, "no memory");
        for (size_t i = 0; i < c->n; i++) {
                if (c->items[i].lower.exists)
                        put_record(out, &c->items[i]);
        }
        if (fclose(out) != 0)
                return err_sys(e, "no memory");
        if (review_write_file(c->review->dir, SEEN, text, len, e) < 0)
                return err_prefix(e, "the review %s", c->review->id);
        c->has_seen = true;
        return 0;
}
