#include "review-tell.h"

#include "fd.h"
#include "log.h"
#include "path.h"
#include "str.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHORT_NAME 150
#define MAX_OTHERS 20   /* of what is listed at the end of a run only to give an idea */
#define MAX_LOGGED 1000 /* of all the rest, where it goes to a log of BOX_LOG_MAX */

static const struct {
        const char *letter;
        const char *words;
} kinds[REVIEW_KIND_COUNT] = {
        [REVIEW_SAME] = { "=", "in place" },     [REVIEW_ADDED] = { "A", "added" },
        [REVIEW_CHANGED] = { "M", "changed" },   [REVIEW_DELETED] = { "D", "deleted" },
        [REVIEW_MODE] = { "m", "mode alone" },   [REVIEW_TIMES] = { "t", "time alone" },
        [REVIEW_TYPE] = { "T", "type changed" },
};

void review_count(const struct review_changes *c, const struct review_request *request,
                  struct review_counts *ret)
{
        *ret = (struct review_counts){ .n = 0 };
        for (size_t i = 0; i < c->n; i++) {
                const struct review_change *change = &c->items[i];

                if (!review_is_told(change) || !review_is_asked(c, request, change))
                        continue;
                ret->n++;
                ret->kinds[change->kind]++;
                ret->n_refused += change->refused != NULL;
                ret->n_conflicts += change->is_conflict && !change->refused;
                ret->n_protected += change->is_protected;
        }
}

void review_describe(const struct review_counts *counts, char *ret, size_t size)
{
        static const enum review_kind order[] = { REVIEW_ADDED, REVIEW_CHANGED, REVIEW_DELETED,
                                                  REVIEW_TYPE,  REVIEW_MODE,    REVIEW_TIMES };
        size_t used = 0;

        snprintf(ret, size, "nothing changed");
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
                size_t n = counts->kinds[order[i]];

                if (n == 0 || used >= size)
                        continue;
                used += (size_t)snprintf(ret + used, size - used, "%s%zu %s", used ? ", " : "", n,
                                         kinds[order[i]].words);
        }
}

static void put(char *buffer, size_t size, const char *text)
{
        size_t used = strlen(buffer);

        snprintf(buffer + used, size - used, "%s", text);
}

/* The length of a blank that is not the common one. */
static size_t other_blank(const char *text, size_t len)
{
        static const char *const blanks[] = { "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xaf",
                                              "\xe2\x81\x9f", "\xe3\x80\x80" };

        for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++) {
                if (len >= strlen(blanks[i]) && memcmp(text, blanks[i], strlen(blanks[i])) == 0)
                        return strlen(blanks[i]);
        }
        /* U+2000 to U+200A */
        if (len >= 3 && memcmp(text, "\xe2\x80", 2) == 0 && (unsigned char)text[2] >= 0x80 &&
            (unsigned char)text[2] <= 0x8a)
                return 3;
        return 0;
}

/*
 * How many bytes of a name would be misread here.  Where remarks begin with two blanks, no name has two
 * in a row, nor one at either end, nor one that looks like two; and where bytes are written as "\x1b", no
 * name has a backslash.
 */
static size_t misread(const char *name, size_t len, size_t at)
{
        if (name[at] == '\\' ||
            (name[at] == ' ' && (at == 0 || name[at - 1] == ' ' || at + 1 == len)))
                return 1;
        return other_blank(name + at, len - at);
}

static void put_escaped(char *ret, size_t size, const char *name, size_t len)
{
        size_t used = 0;

        ret[0] = '\0';
        for (size_t at = 0, n; at < len; at += n) {
                for (n = 0; at + n < len && !misread(name, len, at + n);)
                        n++;
                str_escape(ret + used, size - used, name + at, n);
                used += strlen(ret + used);
                at += n;
                n = at < len ? misread(name, len, at) : 0;
                for (size_t i = 0; i < n; i++) {
                        snprintf(ret + used, size - used, "\\x%02x", (unsigned char)name[at + i]);
                        used += strlen(ret + used);
                }
        }
}

/* The end of a name says most of it.  Escaped it is four times as long at most. */
static void put_name(const char *name, bool is_short, char *ret, size_t size)
{
        const size_t head = SHORT_NAME / 3;
        size_t len = strlen(name);
        char cut[SHORT_NAME + 8];

        if (is_short && len > SHORT_NAME) {
                snprintf(cut, sizeof(cut), "%.*s...%s", (int)head, name,
                         name + len - (SHORT_NAME - head));
                name = cut;
                len = strlen(cut);
        }
        put_escaped(ret, size, name, len);
}

/* False: it is not there any more. */
static bool read_link(const struct review_changes *c, const struct review_change *change,
                      char ret[PATH_MAX])
{
        const char *name;
        autofd parent = review_open_parent(c->uppers[change->place], change->path, &name);
        ssize_t n = parent < 0 ? -1 : readlinkat(parent, name, ret, PATH_MAX - 1);

        ret[n < 0 ? 0 : n] = '\0';
        return n >= 0;
}

static bool is_new(const struct review_change *change)
{
        return change->upper.exists && change->kind != REVIEW_SAME && change->kind != REVIEW_TIMES;
}

/* Mode bits that what is there does not have: of another type it has none. */
static unsigned new_bits(const struct review_change *change)
{
        bool is_same_type = (change->upper.mode & S_IFMT) == (change->lower.mode & S_IFMT);

        if (!is_new(change) || S_ISLNK(change->upper.mode))
                return 0;
        return change->upper.mode & ~(is_same_type ? change->lower.mode : 0);
}

/* One that the directory around it has passes on to it. */
static bool gives_acl(const struct review_changes *c, const struct review_change *change)
{
        bool is_root = change->path[0] == '\0';

        return is_new(change) && change->has_default_acl &&
               (is_root || !c->items[change->parent].has_default_acl);
}

bool review_lets_others_in(const struct review_changes *c, const struct review_change *change)
{
        return (new_bits(change) & S_IWOTH) || gives_acl(c, change);
}

/* Where a link leads, or what else is not seen in a name. */
static void put_looks(const struct review_changes *c, const struct review_change *change,
                      bool is_short, char *ret, size_t size)
{
        char text[5 * PATH_MAX];
        char safe[4 * PATH_MAX];
        char target[PATH_MAX];

        if (is_new(change) && S_ISLNK(change->upper.mode) && read_link(c, change, target)) {
                put_name(target, is_short, safe, sizeof(safe));
                snprintf(text, sizeof(text), "  (a link to %s)", safe);
                put(ret, size, text);
        }
        if (new_bits(change) & S_IWOTH) {
                snprintf(text, sizeof(text), "  (mode %04o: anybody may write to it)",
                         change->upper.mode & 07777);
                put(ret, size, text);
        }
        if (gives_acl(c, change))
                put(ret, size, "  (what is made in it gets an access control list)");
        if (S_ISREG(change->upper.mode) && (new_bits(change) & 0111) &&
            !(S_ISREG(change->lower.mode) && (change->lower.mode & 0111)))
                put(ret, size, "  (executable)");
}

/* What is to be known before it is applied comes first, should the rest not fit. */
static void put_notes(const struct review_changes *c, const struct review_change *change,
                      bool is_short, char *ret, size_t size)
{
        char text[5 * PATH_MAX];
        char safe[4 * PATH_MAX];

        if (change->below.n > 0) {
                snprintf(text, sizeof(text), "  with %zu in it", change->below.n);
                put(ret, size, text);
        }
        if (change->is_protected)
                put(ret, size, "  (takes effect outside of the sandbox)");
        if (change->refused) {
                snprintf(text, sizeof(text), "  (is not applied: %s)", change->refused);
                put(ret, size, text);
        } else if (change->is_conflict) {
                put(ret, size, "  (conflict: you changed it meanwhile)");
        }
        put_looks(c, change, is_short, ret, size);
        if (change->lower.nlink > 1 && S_ISREG(change->lower.mode) && change->kind != REVIEW_SAME &&
            change->kind != REVIEW_DELETED)
                put(ret, size, "  (its other names keep what they have)");
        if (change->leader != REVIEW_NO_LEADER) {
                put_name(c->items[change->leader].path, is_short, safe, sizeof(safe));
                snprintf(text, sizeof(text), "  (the same file as %s)", safe);
                put(ret, size, text);
        }
}

void review_put_line(const struct review_changes *c, const struct review_change *change,
                     bool is_short, char *ret, size_t size)
{
        const char *top = c->review->n_places > 1 ? c->review->places[change->place].path : "";
        const char *path = change->path[0] ? change->path : ".";
        char full[2 * PATH_MAX];
        char safe[8 * PATH_MAX];

        snprintf(full, sizeof(full), "%s%s%s", top, top[0] ? "/" : "", path);
        put_name(full, is_short, safe, sizeof(safe));
        snprintf(ret, size, "%s  %s%s", kinds[change->kind].letter, safe,
                 S_ISDIR(change->upper.exists ? change->upper.mode : change->lower.mode) ? "/"
                                                                                         : "");
        put_notes(c, change, is_short, ret, size);
}

void review_print(FILE *out, const struct review_changes *c, const struct review_request *request)
{
        char line[REVIEW_LINE_MAX];

        for (size_t i = 0; i < c->n; i++) {
                const struct review_change *change = &c->items[c->by_path[i]];

                if (!review_is_told(change) || !review_is_asked(c, request, change))
                        continue;
                review_put_line(c, change, false, line, sizeof(line));
                fprintf(out, "%s\n", line);
        }
}

bool review_is_always_named(const struct review_changes *c, const struct review_change *change)
{
        return change->kind == REVIEW_DELETED || change->kind == REVIEW_TYPE ||
               change->is_protected || change->is_conflict || change->refused ||
               review_lets_others_in(c, change);
}

static void tell_lines(const struct review_changes *c, size_t max_listed)
{
        char line[REVIEW_LINE_MAX];
        size_t n_others = 0;
        size_t n_listed = 0;

        for (size_t i = 0; i < c->n; i++) {
                const struct review_change *change = &c->items[c->by_path[i]];

                if (!review_is_told(change))
                        continue;
                if (review_is_always_named(c, change) ? ++n_listed > max_listed
                                                      : ++n_others > MAX_OTHERS)
                        continue;
                review_put_line(c, change, true, line, sizeof(line));
                log_notice("  %s", line);
        }
        if (n_others > MAX_OTHERS)
                log_notice("  and %zu more that are added or changed", n_others - MAX_OTHERS);
        if (n_listed > max_listed)
                log_notice("  and %zu more that are deleted, in conflict or take effect outside: "
                           "kelp diff %s lists all",
                           n_listed - max_listed, c->review->id);
}

void review_tell_end(const struct review_changes *c, bool is_logged)
{
        const struct review_request all = { .n_paths = 0 };
        struct review_counts counts;
        char text[200];

        review_count(c, &all, &counts);
        review_describe(&counts, text, sizeof(text));
        if (c->review->n_places == 1)
                log_notice("review %s of '%s': %s", c->review->id, c->review->places[0].path, text);
        else
                log_notice("review %s of %zu directories: %s", c->review->id, c->review->n_places,
                           text);
        tell_lines(c, is_logged ? MAX_LOGGED : SIZE_MAX);
        log_hint("kelp diff --patch %s shows it, kelp apply %s lets it in, kelp discard %s throws "
                 "it away",
                 c->review->id, c->review->id, c->review->id);
}
