/* A layer against its record. */

#include "record.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "parse.h"
#include "record-walk.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (256u << 10)

static int damaged(struct err *e)
{
        return err_set(e, EINVAL, "the record is damaged");
}

/* ------ is the record whole ------ */

/* Where its last line starts, which has the digest of what is before it. */
static int find_end(int record, off_t *ret_at, char *ret_line, size_t size, struct err *e)
{
        struct stat st;

        if (fstat(record, &st) < 0)
                return err_sys(e, "cannot stat the record");
        off_t from = st.st_size > (off_t)size - 1 ? st.st_size - ((off_t)size - 1) : 0;
        ssize_t n = io_read_at(record, ret_line, size - 1, (uint64_t)from);
        if (n < 0)
                return err_sys(e, "cannot read the record");
        if (n < 2 || ret_line[n - 1] != '\n')
                return damaged(e);
        ret_line[n - 1] = '\0';
        char *line = memrchr(ret_line, '\n', (size_t)n - 1);
        if (!line)
                return damaged(e);
        line++;
        *ret_at = from + (line - ret_line);
        memmove(ret_line, line, strlen(line) + 1);
        return 0;
}

static int digest_before(int record, off_t end, struct digest *ret, uint64_t *ret_lines,
                         struct err *e)
{
        autofree char *buffer = mem_alloc(CHUNK, e);
        autohasher h = { 0 };

        if (!buffer || hasher_start(&h, e) < 0)
                return -e->code;
        *ret_lines = 0;
        for (off_t at = 0; at < end;) {
                size_t want = end - at < (off_t)CHUNK ? (size_t)(end - at) : CHUNK;
                ssize_t n = io_read_at(record, buffer, want, (uint64_t)at);

                if (n <= 0)
                        return n < 0 ? err_sys(e, "cannot read the record") : damaged(e);
                hasher_add(&h, buffer, (size_t)n);
                for (ssize_t i = 0; i < n; i++)
                        *ret_lines += buffer[i] == '\n';
                at += n;
        }
        return hasher_finish(&h, ret, e);
}

static int check_whole(int record, struct err *e)
{
        char last[160];
        char wanted[160];
        struct digest d;
        uint64_t lines;
        off_t end;

        if (find_end(record, &end, last, sizeof(last), e) < 0 ||
            digest_before(record, end, &d, &lines, e) < 0)
                return -e->code;
        snprintf(wanted, sizeof(wanted), "end %llu %s", (unsigned long long)lines, d.hex);
        return str_eq(last, wanted) ? 0 : damaged(e);
}

/* ------ entry by entry ------ */

struct check {
        FILE *record;
        bool has_owners;
        record_differs *differs;
        void *context;
        char *line; /* the next of the record, or NULL at its end */
        size_t room;
        const char *path;          /* in it, as it is */
        char lost[LIMIT_PATH + 1]; /* a directory that is missing, and was told: with all in it */
        bool has_lost;
        char found[RECORD_LINE_MAX];
        char name[RECORD_LINE_MAX]; /* where `path` is */
        char buffer[CHUNK];
};

static int next_line(struct check *c, struct err *e)
{
        ssize_t n = getline(&c->line, &c->room, c->record);

        c->path = NULL;
        if (n < 0)
                return ferror(c->record) ? err_sys(e, "cannot read the record") : 0;
        if (c->line[n - 1] == '\n')
                c->line[n - 1] = '\0';
        if (str_has_prefix(c->line, "end "))
                return 0;
        const char *path = strrchr(c->line, ' ');
        if (!path || n >= RECORD_LINE_MAX)
                return damaged(e);
        snprintf(c->name, sizeof(c->name), "%s", path + 1);
        if (!record_unescape(c->name))
                return damaged(e);
        c->path = str_eq(c->name, ".") ? "" : c->name;
        return 0;
}

static const char *shown(const char *path)
{
        return *path ? path : ".";
}

static bool is_below(const char *path, const char *top)
{
        size_t len = strlen(top);

        return strncmp(path, top, len) == 0 && path[len] == '/';
}

static void tell_missing(struct check *c)
{
        if (c->has_lost && is_below(c->path, c->lost))
                return;
        c->differs(c->context, shown(c->path), "is missing");
        if (c->line[0] == 'd') {
                snprintf(c->lost, sizeof(c->lost), "%s", c->path);
                c->has_lost = true;
        }
}

static void tell_difference(struct check *c)
{
        static const char *const what[] = {
                "is of another type", "has another mode",    "has another owner",
                "has another group",  "has another size",    "has another number of names",
                "has another time",   "has another content", "has other attributes",
        };
        char *wanted = c->line;
        char *found = c->found;

        for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
                const char *a = str_next_field(&wanted, ' ');
                const char *b = str_next_field(&found, ' ');

                if (a && b && !str_eq(a, b)) {
                        c->differs(c->context, shown(c->path), what[i]);
                        return;
                }
        }
        c->differs(c->context, shown(c->path), "is not as it was");
}

static int digest_content(struct check *c, int fd, struct digest *ret, struct err *e)
{
        autohasher h = { 0 };

        if (hasher_start(&h, e) < 0)
                return -e->code;
        for (;;) {
                ssize_t n = io_read(fd, c->buffer, sizeof(c->buffer));

                if (n < 0)
                        return err_sys(e, "cannot read it");
                if (n == 0)
                        return hasher_finish(&h, ret, e);
                hasher_add(&h, c->buffer, (size_t)n);
        }
}

static int look_into_file(struct check *c, const struct record_entry *entry,
                          struct digest *ret_content, struct digest *ret_xattrs, struct err *e)
{
        autofd fd = openat(entry->parent, entry->name,
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open it");
        if (digest_content(c, fd, ret_content, e) < 0)
                return -e->code;
        return record_digest_xattrs(fd, ret_xattrs, e);
}

static int compare_entry(struct check *c, const struct record_entry *entry, struct err *e)
{
        struct digest content = { "-" };
        struct digest xattrs = { "" };
        struct err why = { 0 };
        int r = 0;

        if (S_ISREG(entry->st.st_mode))
                r = look_into_file(c, entry, &content, &xattrs, &why);
        else if (entry->fd >= 0)
                r = record_digest_xattrs(entry->fd, &xattrs, &why);
        if (r == 0)
                r = record_print(entry, c->has_owners, content.hex,
                                 xattrs.hex[0] ? xattrs.hex : "-", c->found, &why);
        if (r == 0 && str_eq(c->line, c->found))
                return 0;
        if (r == -ENOMEM) {
                *e = why;
                return -e->code;
        }
        if (r < 0)
                c->differs(c->context, shown(c->path), why.text);
        else
                tell_difference(c);
        return 0;
}

static int check_entry(void *context, const struct record_entry *entry, bool *ret_skip,
                       struct err *e)
{
        struct check *c = context;

        while (c->path && record_compare_paths(c->path, entry->path) < 0) {
                tell_missing(c);
                if (next_line(c, e) < 0)
                        return -e->code;
        }
        if (!c->path || record_compare_paths(c->path, entry->path) > 0) {
                c->differs(c->context, shown(entry->path), "was not there");
                *ret_skip = true;
                return 0;
        }
        if (compare_entry(c, entry, e) < 0)
                return -e->code;
        return next_line(c, e);
}

static int check_all(struct check *c, int dir, struct err *e)
{
        if (next_line(c, e) < 0 || record_walk(dir, NULL, check_entry, c, e) < 0)
                return -e->code;
        while (c->path) {
                tell_missing(c);
                if (next_line(c, e) < 0)
                        return -e->code;
        }
        return 0;
}

int record_check(int dir, bool has_owners, int record, record_differs *differs, void *context,
                 struct err *e)
{
        autofree struct check *c = mem_alloc(sizeof(*c), e);
        autofd copy = fcntl(record, F_DUPFD_CLOEXEC, 3);

        if (!c || check_whole(record, e) < 0)
                return -e->code;
        if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read the record");
        c->record = fdopen(copy, "r");
        if (!c->record)
                return err_sys(e, "cannot read the record");
        fd_take(&copy);
        c->has_owners = has_owners;
        c->differs = differs;
        c->context = context;
        int r = check_all(c, dir, e);
        fclose(c->record);
        free(c->line);
        return r;
}
