#include "review-tell.h"

#include "fd.h"
#include "io.h"
#include "path.h"
#include "review-lines.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Changes as `git diff` would show them.  A terminal gets no byte of a file that it would obey; a file
 * or a pipe gets the lines as they are, so that the patch fits.
 */

#define MAX_TEXT ((size_t)16 << 20)
#define CONTEXT  3

struct patch {
        FILE *out;
        bool is_terminal;
        const struct review_changes *changes;
        struct arena arena; /* for one file */
};

/* Either side of a change. */
struct side {
        unsigned mode; /* 0: there is nothing */
        char *data;    /* of a file or a symlink; NULL where it is no text or too long */
        size_t len;
};

/* As git quotes what is not plain. */
static void put_name(const struct patch *p, const char *prefix, const char *path)
{
        bool is_plain = true;

        for (const char *at = path; *at; at++) {
                unsigned char byte = (unsigned char)*at;

                if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '\\')
                        is_plain = false;
        }
        if (is_plain) {
                fprintf(p->out, "%s%s", prefix, path);
                return;
        }
        fprintf(p->out, "\"%s", prefix);
        for (const char *at = path; *at; at++) {
                unsigned char byte = (unsigned char)*at;

                if (byte == '"' || byte == '\\')
                        fprintf(p->out, "\\%c", byte);
                else if (byte < ' ' || byte >= 0x7f)
                        fprintf(p->out, "\\%03o", byte);
                else
                        fputc(byte, p->out);
        }
        fputc('"', p->out);
}

static int put_line(struct patch *p, char sign, const struct review_line *line, struct err *e)
{
        bool has_end = line->len > 0 && line->text[line->len - 1] == '\n';

        fputc(sign, p->out);
        if (p->is_terminal) {
                size_t len = line->len - has_end;
                char *safe = arena_alloc(&p->arena, 4 * len + 1, e);

                if (!safe)
                        return -e->code;
                /* a tab is what a text may have */
                for (size_t at = 0; at < len;) {
                        const char *tab = memchr(line->text + at, '\t', len - at);
                        size_t n = tab ? (size_t)(tab - line->text) - at : len - at;

                        fputs(str_escape(safe, 4 * len + 1, line->text + at, n), p->out);
                        if (tab)
                                fputc('\t', p->out);
                        at += n + (tab ? 1 : 0);
                }
        } else {
                fwrite(line->text, 1, line->len - has_end, p->out);
        }
        fputs(has_end ? "\n" : "\n\\ No newline at end of file\n", p->out);
        return 0;
}

static int put_lines(struct patch *p, char sign, const struct review_text *text, size_t from,
                     size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (put_line(p, sign, &text->lines[from + i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static void put_range(const struct patch *p, char sign, size_t from, size_t n)
{
        /* an empty range counts from the line before it */
        size_t first = n > 0 ? from + 1 : from;

        if (n == 1)
                fprintf(p->out, "%c%zu", sign, first);
        else
                fprintf(p->out, "%c%zu,%zu", sign, first, n);
}

/* Edits first to last - 1, with what stands around them. */
static int put_hunk(struct patch *p, const struct review_text *old, const struct review_text *new_,
                    const struct review_edit *edits, size_t n, struct err *e)
{
        const struct review_edit *last = &edits[n - 1];
        size_t before = edits[0].old < CONTEXT ? edits[0].old : CONTEXT;
        size_t end = last->old + last->n_old;
        size_t after = old->n - end < CONTEXT ? old->n - end : CONTEXT;
        size_t at = edits[0].old - before;
        size_t new_at = edits[0].new_ - before;

        fputs("@@ ", p->out);
        put_range(p, '-', at, end + after - at);
        fputc(' ', p->out);
        put_range(p, '+', new_at, last->new_ + last->n_new + after - new_at);
        fputs(" @@\n", p->out);
        for (size_t i = 0; i < n; i++) {
                if (put_lines(p, ' ', old, at, edits[i].old - at, e) < 0 ||
                    put_lines(p, '-', old, edits[i].old, edits[i].n_old, e) < 0 ||
                    put_lines(p, '+', new_, edits[i].new_, edits[i].n_new, e) < 0)
                        return -e->code;
                at = edits[i].old + edits[i].n_old;
        }
        return put_lines(p, ' ', old, at, after, e);
}

static int put_hunks(struct patch *p, const struct side *old_side, const struct side *new_side,
                     struct err *e)
{
        struct review_text old;
        struct review_text new_;
        struct review_edit *edits;
        size_t n;

        if (review_split_lines(&p->arena, old_side->data, old_side->len, &old, e) < 0 ||
            review_split_lines(&p->arena, new_side->data, new_side->len, &new_, e) < 0 ||
            review_compare_lines(&p->arena, &old, &new_, &edits, &n, e) < 0)
                return -e->code;
        for (size_t first = 0; first < n;) {
                size_t end = first + 1;

                while (end < n && edits[end].old - (edits[end - 1].old + edits[end - 1].n_old) <=
                                          2 * (size_t)CONTEXT)
                        end++;
                if (put_hunk(p, &old, &new_, &edits[first], end - first, e) < 0)
                        return -e->code;
                first = end;
        }
        return 0;
}

/* What has more lines than are compared is shown as what is no text is: the next files come all the same. */
static bool is_text(const char *data, size_t len)
{
        size_t n = 1;

        for (const char *at = data; (at = memchr(at, '\n', len - (size_t)(at - data))); at++) {
                if (++n > REVIEW_MAX_LINES)
                        return false;
        }
        return memchr(data, '\0', len < 8000 ? len : 8000) == NULL;
}

static int read_text(struct patch *p, int fd, const char *name, struct side *ret, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", name);
        if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > MAX_TEXT)
                return 0;
        char *data = arena_alloc(&p->arena, (size_t)st.st_size + 1, e);
        ssize_t n = data ? io_read_at(fd, data, (size_t)st.st_size, 0) : -1;
        if (n < 0)
                return e->code ? -e->code : err_sys(e, "cannot read '%s'", name);
        if (!is_text(data, (size_t)n))
                return 0;
        ret->data = data;
        ret->len = (size_t)n;
        return 0;
}

/* Of the user's own files none is touched: one that cannot be read is not shown. */
static int read_file(struct patch *p, int dir, const char *name, bool is_upper, struct side *ret,
                     struct err *e)
{
        autoreader reader = { .fd = -1 };

        if (is_upper) {
                if (review_read_upper(p->changes->review, dir, name, &reader, e) < 0)
                        return -e->code;
                return read_text(p, reader.fd, name, ret, e);
        }
        autofd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return errno == EACCES ? 0 : err_sys(e, "cannot open '%s'", name);
        return read_text(p, fd, name, ret, e);
}

static int read_side(struct patch *p, const struct review_change *change, bool is_upper,
                     struct side *ret, struct err *e)
{
        const struct review_ident *id = is_upper ? &change->upper : &change->lower;
        const int *roots = is_upper ? p->changes->uppers : p->changes->lowers;
        char target[PATH_MAX];
        const char *name;

        *ret = (struct side){ 0 };
        if (!id->exists || (!S_ISREG(id->mode) && !S_ISLNK(id->mode)))
                return 0;
        ret->mode = S_ISLNK(id->mode) ? 0120000 : (id->mode & 0111) ? 0100755 : 0100644;
        autofd dir = review_open_parent(roots[change->place], change->path, &name);
        if (dir < 0)
                return err_set(e, -dir, "cannot open the directory of '%s'", change->path);
        if (S_ISREG(id->mode))
                return read_file(p, dir, name, is_upper, ret, e);
        ssize_t n = readlinkat(dir, name, target, sizeof(target));
        if (n < 0)
                return err_sys(e, "cannot read the symlink '%s'", change->path);
        ret->data = arena_copy_n(&p->arena, target, (size_t)n, e);
        ret->len = (size_t)n;
        return ret->data ? 0 : -e->code;
}

static void put_head(const struct patch *p, const char *path, const struct side *old,
                     const struct side *new_)
{
        fputs("diff --git ", p->out);
        put_name(p, "a/", path);
        fputc(' ', p->out);
        put_name(p, "b/", path);
        fputc('\n', p->out);
        if (!old->mode)
                fprintf(p->out, "new file mode %o\n", new_->mode);
        else if (!new_->mode)
                fprintf(p->out, "deleted file mode %o\n", old->mode);
        else if (old->mode != new_->mode)
                fprintf(p->out, "old mode %o\nnew mode %o\n", old->mode, new_->mode);
}

static void put_names(const struct patch *p, const char *path, const struct side *old,
                      const struct side *new_)
{
        fputs("--- ", p->out);
        put_name(p, old->mode ? "a/" : "", old->mode ? path : "/dev/null");
        fputs("\n+++ ", p->out);
        put_name(p, new_->mode ? "b/" : "", new_->mode ? path : "/dev/null");
        fputc('\n', p->out);
}

static int put_pair(struct patch *p, const char *path, const struct side *old,
                    const struct side *new_, struct err *e)
{
        static char none[1];
        const struct side nothing = { .data = none };
        const struct side *a = old->mode ? old : &nothing;
        const struct side *b = new_->mode ? new_ : &nothing;

        put_head(p, path, old, new_);
        if (!a->data || !b->data) {
                fputs("Binary files ", p->out);
                put_name(p, old->mode ? "a/" : "", old->mode ? path : "/dev/null");
                fputs(" and ", p->out);
                put_name(p, new_->mode ? "b/" : "", new_->mode ? path : "/dev/null");
                fputs(" differ\n", p->out);
                return 0;
        }
        if (a->len == b->len && memcmp(a->data, b->data, a->len) == 0)
                return 0;
        put_names(p, path, old, new_);
        return put_hunks(p, a, b, e);
}

/* Of several directories the whole path, so that the patch fits in "/". */
static const char *find_name(struct patch *p, const struct review_change *change, struct err *e)
{
        const struct review *r = p->changes->review;

        if (r->n_places <= 1)
                return change->path;
        const char *path = path_join(&p->arena, r->places[change->place].path, change->path, e);
        return path ? path + 1 : NULL;
}

/* What is of another kind now goes, and comes anew. */
static int put_change(struct patch *p, const struct review_change *change, struct err *e)
{
        const struct side nothing = { 0 };
        const char *path = find_name(p, change, e);
        struct side old;
        struct side new_;

        if (!path)
                return -e->code;

        if (read_side(p, change, false, &old, e) < 0 || read_side(p, change, true, &new_, e) < 0)
                return -e->code;
        if (change->refused)
                new_ = nothing;
        if (!old.mode && !new_.mode)
                return 0;
        if (change->kind != REVIEW_TYPE || !old.mode || !new_.mode)
                return put_pair(p, path, &old, &new_, e);
        if (put_pair(p, path, &old, &nothing, e) < 0)
                return -e->code;
        return put_pair(p, path, &nothing, &new_, e);
}

/* What no patch can say stands before it, where patch(1) and git pass over it. */
static void put_note(const struct patch *p, const struct review_change *change)
{
        char line[REVIEW_LINE_MAX];
        bool is_directory = S_ISDIR(change->upper.mode) || S_ISDIR(change->lower.mode);

        if (!is_directory && !change->refused && !change->is_conflict && !change->is_protected &&
            !review_lets_others_in(p->changes, change))
                return;
        review_put_line(p->changes, change, false, line, sizeof(line));
        fprintf(p->out, "# %s\n", line);
}

int review_print_patch(FILE *out, const struct review_changes *c,
                       const struct review_request *request, struct err *e)
{
        struct patch p = { .out = out, .changes = c, .is_terminal = isatty(fileno(out)) };

        for (size_t i = 0; e->code == 0 && i < c->n; i++) {
                const struct review_change *change = &c->items[c->by_path[i]];

                if (!review_is_told(change) || !review_is_asked(c, request, change))
                        continue;
                put_note(&p, change);
                if (change->kind != REVIEW_TIMES && !change->refused)
                        put_change(&p, change, e);
                arena_done(&p.arena);
        }
        return -e->code;
}
