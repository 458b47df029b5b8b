/*
 * The headers of a tar entry: a ustar header, and in front of it a pax header for what does not fit
 * in.  Source: POSIX.1-2017, pax, "pax Interchange Format"; GNU tar's manual, "PAX Format, Version
 * 1.0" for sparse files.
 *
 * libarchive writes such headers as well, but encodes what is unusual in the names of extended
 * attributes, under a key whose readers decode nothing.  Here each stands where its readers look:
 *
 *     SCHILY.xattr.NAME=VALUE             as they are: docker, podman, umoci, GNU tar, libarchive
 *     LIBARCHIVE.xattr.NAME=VALUE         NAME as in a URL, VALUE in base64: of a name with a '=',
 *                                         which ends the key of a record; libarchive alone
 *
 * Other names are bytes, too.  A pax header is UTF-8, so that where one is not UTF-8 it says that it
 * is binary.
 */

#include "tarhead.h"

#include "mem.h"
#include "str.h"

#include <archive.h>
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK 512

#define MAX_ID   07777777 /* what the fields hold */
#define MAX_SIZE 077777777777ull

struct ustar {
        char name[100];
        char mode[8];
        char uid[8];
        char gid[8];
        char size[12];
        char mtime[12];
        char checksum[8];
        char type;
        char link[100];
        char magic[6];
        char version[2];
        char uname[32];
        char gname[32];
        char major[8];
        char minor[8];
        char prefix[155];
        char padding[12];
};

static_assert(sizeof(struct ustar) == BLOCK, "a header is a block");

/* ------ bytes ------ */

/* Room for `len` more, which are zero; NULL on error. */
static char *extend(struct tarhead *h, size_t len, struct err *e)
{
        if (h->room - h->len < len) {
                size_t room = 2 * (h->len + len) + 4 * (size_t)BLOCK;
                char *text = realloc(h->text, room);

                if (!text) {
                        err_set(e, ENOMEM, "out of memory");
                        return NULL;
                }
                h->text = text;
                h->room = room;
        }
        char *at = h->text + h->len;
        memset(at, 0, len);
        h->len += len;
        return at;
}

static int pad(struct tarhead *h, struct err *e)
{
        size_t rest = h->len % BLOCK;

        return rest && !extend(h, BLOCK - rest, e) ? -e->code : 0;
}

/* An octal number and its NUL fill the field. */
static void put_number(char *field, size_t size, uint64_t value)
{
        char text[32];

        snprintf(text, sizeof(text), "%0*llo", (int)size - 1, (unsigned long long)value);
        memcpy(field, text, size);
}

#define PUT_NUMBER(field, value) put_number(field, sizeof(field), value)

static bool is_ascii(char c)
{
        return (unsigned char)c < 0x80;
}

static bool fits(const char *text, size_t size)
{
        const char *at = text;

        while (*at && is_ascii(*at))
                at++;
        return !*at && (size_t)(at - text) <= size;
}

/* As much as there is room for; what does not fit has a record. */
static void put_text(char *field, size_t size, const char *text)
{
        for (size_t i = 0; i < size && text[i]; i++)
                field[i] = is_ascii(text[i]) ? text[i] : '_';
}

#define PUT_TEXT(field, text) put_text(field, sizeof(field), text)

static void finish_header(struct ustar *u, char type, uint64_t size)
{
        unsigned sum = 0;

        u->type = type;
        PUT_NUMBER(u->size, size);
        memcpy(u->magic, "ustar", sizeof(u->magic));
        memcpy(u->version, "00", sizeof(u->version));
        PUT_NUMBER(u->major, 0);
        PUT_NUMBER(u->minor, 0);
        memset(u->checksum, ' ', sizeof(u->checksum));
        for (size_t i = 0; i < BLOCK; i++)
                sum += ((const unsigned char *)u)[i];
        /* six digits, a NUL and the blank that is there */
        put_number(u->checksum, sizeof(u->checksum) - 1, sum);
}

/* ------ records of the pax header ------ */

static size_t count_digits(size_t n)
{
        size_t digits = 1;

        for (; n >= 10; n /= 10)
                digits++;
        return digits;
}

/* "LENGTH KEY=VALUE\n": the length counts itself. */
static int put_record(struct tarhead *h, const char *prefix, const char *key, const void *value,
                      size_t size, struct err *e)
{
        size_t rest = strlen(prefix) + strlen(key) + size + strlen(" =\n");
        size_t len = rest + count_digits(rest);

        len = rest + count_digits(len);
        char *at = extend(h, len, e);
        if (!at)
                return -e->code;
        at += snprintf(at, len, "%zu %s%s=", len, prefix, key);
        if (size > 0)
                memcpy(at, value, size);
        at[size] = '\n';
        return 0;
}

static int put_text_record(struct tarhead *h, const char *key, const char *value, struct err *e)
{
        return put_record(h, "", key, value, strlen(value), e);
}

static int put_number_record(struct tarhead *h, const char *key, uint64_t value, struct err *e)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        return put_text_record(h, key, text, e);
}

/* The fraction counts away from zero, as in every decimal number. */
static int put_time(struct tarhead *h, time_t sec, long nsec, struct err *e)
{
        bool turns = sec < 0 && nsec > 0;
        long long whole = turns ? -(sec + 1LL) : sec;
        char text[48];

        snprintf(text, sizeof(text), "%s%lld.%09ld", turns ? "-" : "", whole,
                 turns ? 1000000000 - nsec : nsec);
        return put_text_record(h, "mtime", text, e);
}

static char *encode_name(const char *name, struct err *e)
{
        static const char digits[] = "0123456789ABCDEF";
        char *text = mem_alloc(3 * strlen(name) + 1, e);
        char *to = text;

        for (; text && *name; name++) {
                unsigned char c = (unsigned char)*name;

                if (c > ' ' && c < 0x7f && c != '%' && c != '=') {
                        *to++ = *name;
                        continue;
                }
                *to++ = '%';
                *to++ = digits[c >> 4];
                *to++ = digits[c & 15];
        }
        return text;
}

/* Base64 without padding, as libarchive has it. */
static char *encode_value(const unsigned char *value, size_t size, struct err *e)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *text = mem_alloc(size / 3 * 4 + 5, e);
        char *to = text;

        for (size_t at = 0; text && at < size; at += 3) {
                size_t n = size - at < 3 ? size - at : 3;
                unsigned bits = (unsigned)value[at] << 16;

                if (n > 1)
                        bits |= (unsigned)value[at + 1] << 8;
                if (n > 2)
                        bits |= value[at + 2];
                for (size_t i = 0; i <= n; i++)
                        *to++ = digits[bits >> (18 - 6 * i) & 63];
        }
        return text;
}

static int put_encoded_xattr(struct tarhead *h, const char *name, const void *value, size_t size,
                             struct err *e)
{
        autofree char *key = encode_name(name, e);
        autofree char *text = key ? encode_value(value, size, e) : NULL;

        return text ? put_record(h, "LIBARCHIVE.xattr.", key, text, strlen(text), e) : -e->code;
}

static int put_xattrs(struct tarhead *h, struct archive_entry *entry, struct err *e)
{
        const char *name;
        const void *value;
        size_t size;

        archive_entry_xattr_reset(entry);
        while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
                int r = strchr(name, '=') ? put_encoded_xattr(h, name, value, size, e)
                                          : put_record(h, "SCHILY.xattr.", name, value, size, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ------ one entry ------ */

/* What is asked of an entry once. */
struct facts {
        struct archive_entry *entry;
        const char *name;
        const char *link; /* target of a link, or "" */
        char type;
        bool is_sparse;
        uint64_t stored; /* bytes of the archive behind the header */
};

static int choose_type(struct facts *f, struct err *e)
{
        const char *hardlink = archive_entry_hardlink(f->entry);
        const char *symlink = archive_entry_symlink(f->entry);

        f->link = hardlink ? hardlink : symlink ? symlink : "";
        if (hardlink) {
                f->type = '1';
                return 0;
        }
        switch (archive_entry_filetype(f->entry)) {
        case AE_IFREG:
                f->type = '0';
                return 0;
        case AE_IFLNK:
                f->type = '2';
                return 0;
        case AE_IFDIR:
                f->type = '5';
                return 0;
        case AE_IFIFO:
                f->type = '6';
                return 0;
        default:
                return err_set(e, EINVAL, "'%.200s' is of a type that an archive does not get",
                               f->name);
        }
}

/* Of a plain file there is one piece. */
static int find_pieces(struct tarhead *h, const struct facts *f, struct err *e)
{
        size_t n = (size_t)archive_entry_sparse_reset(f->entry);
        struct tarhead_piece *pieces = realloc(h->pieces, (n + 1) * sizeof(*pieces));
        la_int64_t offset;
        la_int64_t len;

        if (!pieces)
                return err_set(e, ENOMEM, "out of memory");
        h->pieces = pieces;
        h->n_pieces = 0;
        while (archive_entry_sparse_next(f->entry, &offset, &len) == ARCHIVE_OK && h->n_pieces < n)
                pieces[h->n_pieces++] =
                        (struct tarhead_piece){ (uint64_t)offset, (uint64_t)(offset + len) };
        /* the last one tells where the file ends */
        if (h->n_pieces == 0 || pieces[h->n_pieces - 1].end < h->size)
                pieces[h->n_pieces++] = (struct tarhead_piece){ n ? h->size : 0, h->size };
        return 0;
}

/* The map of a sparse file stands in front of its data, in blocks of its own. */
static int put_map(struct tarhead *h, struct err *e)
{
        char line[64];

        for (size_t i = 0; i <= h->n_pieces; i++) {
                const struct tarhead_piece *p = &h->pieces[i - (i > 0)];
                int len = i == 0 ? snprintf(line, sizeof(line), "%zu\n", h->n_pieces)
                                 : snprintf(line, sizeof(line), "%llu\n%llu\n",
                                            (unsigned long long)p->offset,
                                            (unsigned long long)(p->end - p->offset));
                char *at = extend(h, (size_t)len, e);
                if (!at)
                        return -e->code;
                memcpy(at, line, (size_t)len);
        }
        return pad(h, e);
}

static int put_names(struct tarhead *h, const struct facts *f, struct err *e)
{
        const struct ustar *u = NULL;
        bool is_binary = !str_is_utf8(f->name) || !str_is_utf8(f->link);

        if (is_binary && put_text_record(h, "hdrcharset", "BINARY", e) < 0)
                return -e->code;
        if (!f->is_sparse && !fits(f->name, sizeof(u->name)) &&
            put_text_record(h, "path", f->name, e) < 0)
                return -e->code;
        if (!fits(f->link, sizeof(u->link)) && put_text_record(h, "linkpath", f->link, e) < 0)
                return -e->code;
        return 0;
}

static int put_sparse_records(struct tarhead *h, const struct facts *f, struct err *e)
{
        if (put_text_record(h, "GNU.sparse.major", "1", e) < 0 ||
            put_text_record(h, "GNU.sparse.minor", "0", e) < 0 ||
            put_text_record(h, "GNU.sparse.name", f->name, e) < 0)
                return -e->code;
        return put_number_record(h, "GNU.sparse.realsize", h->size, e);
}

static int put_records(struct tarhead *h, const struct facts *f, struct err *e)
{
        time_t sec = archive_entry_mtime(f->entry);
        long nsec = archive_entry_mtime_nsec(f->entry);
        uint64_t uid = (uint64_t)archive_entry_uid(f->entry);
        uint64_t gid = (uint64_t)archive_entry_gid(f->entry);

        if (put_names(h, f, e) < 0 ||
            (f->stored > MAX_SIZE && put_number_record(h, "size", f->stored, e) < 0) ||
            (uid > MAX_ID && put_number_record(h, "uid", uid, e) < 0) ||
            (gid > MAX_ID && put_number_record(h, "gid", gid, e) < 0))
                return -e->code;
        if ((nsec || sec < 0 || (uint64_t)sec > MAX_SIZE) && put_time(h, sec, nsec, e) < 0)
                return -e->code;
        if (put_xattrs(h, f->entry, e) < 0)
                return -e->code;
        return f->is_sparse ? put_sparse_records(h, f, e) : 0;
}

/* Goes again if it has no records. */
static int put_pax_header(struct tarhead *h, const struct facts *f, struct err *e)
{
        if (!extend(h, BLOCK, e) || put_records(h, f, e) < 0)
                return -e->code;
        size_t size = h->len - BLOCK;
        if (size == 0) {
                h->len = 0;
                return 0;
        }
        struct ustar *u = (struct ustar *)h->text;
        PUT_TEXT(u->name, "PaxHeaders/entry");
        PUT_NUMBER(u->mode, 0644);
        PUT_NUMBER(u->uid, 0);
        PUT_NUMBER(u->gid, 0);
        PUT_NUMBER(u->mtime, 0);
        finish_header(u, 'x', size);
        return pad(h, e);
}

static uint64_t limited(la_int64_t value, uint64_t limit)
{
        return value >= 0 && (uint64_t)value <= limit ? (uint64_t)value : 0;
}

static int put_header(struct tarhead *h, const struct facts *f, struct err *e)
{
        struct ustar *u = (struct ustar *)extend(h, BLOCK, e);

        if (!u)
                return -e->code;
        /* who knows no sparse files must not take the map for their content */
        PUT_TEXT(u->name, f->is_sparse ? "GNUSparseFile.0/entry" : f->name);
        PUT_TEXT(u->link, f->link);
        PUT_NUMBER(u->mode, archive_entry_perm(f->entry) & 07777);
        PUT_NUMBER(u->uid, limited(archive_entry_uid(f->entry), MAX_ID));
        PUT_NUMBER(u->gid, limited(archive_entry_gid(f->entry), MAX_ID));
        PUT_NUMBER(u->mtime, limited(archive_entry_mtime(f->entry), MAX_SIZE));
        finish_header(u, f->type, limited((la_int64_t)f->stored, MAX_SIZE));
        return 0;
}

static uint64_t sum_of_pieces(const struct tarhead *h)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < h->n_pieces; i++)
                sum += h->pieces[i].end - h->pieces[i].offset;
        return sum;
}

static int put_all(struct tarhead *h, struct facts *f, struct err *e)
{
        struct tarhead map = { .pieces = h->pieces, .n_pieces = h->n_pieces };
        int r = f->is_sparse ? put_map(&map, e) : 0;

        f->stored = sum_of_pieces(h) + map.len;
        if (r == 0)
                r = put_pax_header(h, f, e);
        if (r == 0)
                r = put_header(h, f, e);
        if (r == 0 && map.len > 0) {
                char *at = extend(h, map.len, e);

                r = at ? 0 : -e->code;
                if (at)
                        memcpy(at, map.text, map.len);
        }
        free(map.text);
        return r;
}

/* A directory's name ends with a slash. */
static char *full_name(const struct facts *f, struct err *e)
{
        const char *name = archive_entry_pathname(f->entry);
        size_t len = name ? strlen(name) : 0;
        char *copy = mem_alloc(len + 2, e);

        if (!copy)
                return NULL;
        memcpy(copy, name, len);
        if (f->type == '5' && len > 0 && name[len - 1] != '/')
                copy[len] = '/';
        return copy;
}

int tarhead_fill(struct tarhead *h, struct archive_entry *entry, struct err *e)
{
        struct facts f = { .entry = entry, .name = "" };

        h->len = 0;
        if (choose_type(&f, e) < 0)
                return -e->code;
        autofree char *name = full_name(&f, e);
        if (!name)
                return -e->code;
        if (!*name)
                return err_set(e, EINVAL, "an entry has no name");
        f.name = name;
        h->size = f.type == '0' ? (uint64_t)archive_entry_size(entry) : 0;
        f.is_sparse = f.type == '0' && archive_entry_sparse_count(entry) > 0;
        return find_pieces(h, &f, e) < 0 ? -e->code : put_all(h, &f, e);
}

void tarhead_done(struct tarhead *h)
{
        free(h->text);
        free(h->pieces);
        *h = (struct tarhead){ 0 };
}
