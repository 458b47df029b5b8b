/*
 * Archives from a grammar: the bytes choose entries of a tar, so that what is unpacked has right
 * checksums and gets further than random bytes do.  Names, targets and types come from short lists
 * of what has harmed other unpackers: parents, absolute names, symlinks in the way, whiteouts of
 * everything, links to what is not there, entries in the place of another kind, pax records that
 * contradict the header.
 */

#include "fuzz.h"
#include "image-place.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK     512
#define MOST      64 /* entries of one archive */
#define LONG_NAME 300

struct input {
        const uint8_t *at;
        size_t left;
};

struct archive {
        uint8_t *data;
        size_t size;
        size_t room;
};

struct entry {
        char name[BLOCK * 4];
        char target[BLOCK * 4];
        char type;
        uint8_t content[256];
        size_t size;
        size_t claimed; /* what the header says */
        unsigned mode;
        unsigned uid;
        unsigned long long mtime;
};

static unsigned take(struct input *in)
{
        if (in->left == 0)
                return 0;
        in->left--;
        return *in->at++;
}

static const char *choose(struct input *in, const char *const *list, size_t n)
{
        return list[take(in) % n];
}

#define CHOOSE(in, list) choose(in, list, sizeof(list) / sizeof((list)[0]))

static void add(struct archive *a, const void *data, size_t size)
{
        while (a->room - a->size < size) {
                a->room = a->room * 2 + BLOCK;
                a->data = realloc(a->data, a->room);
                if (!a->data)
                        abort();
        }
        memcpy(a->data + a->size, data, size);
        a->size += size;
}

static void add_padded(struct archive *a, const void *data, size_t size)
{
        static const uint8_t zeros[BLOCK];

        add(a, data, size);
        add(a, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

static void add_header(struct archive *a, const char *name, char type, size_t size,
                       const char *target, const struct entry *e)
{
        char block[BLOCK] = { 0 };
        unsigned sum = 0;

        strncpy(block, name, 100);
        snprintf(block + 100, 8, "%07o", e ? e->mode & 07777777 : 0644);
        snprintf(block + 108, 8, "%07o", e ? e->uid & 07777777 : 0);
        snprintf(block + 116, 8, "%07o", e ? e->uid & 07777777 : 0);
        snprintf(block + 124, 12, "%011llo", (unsigned long long)size & 077777777777ull);
        snprintf(block + 136, 12, "%011llo", e ? e->mtime & 077777777777ull : 0);
        memset(block + 148, ' ', 8);
        block[156] = type;
        strncpy(block + 157, target, 100);
        memcpy(block + 257, "ustar\00000", 8);
        for (size_t i = 0; i < BLOCK; i++)
                sum += (uint8_t)block[i];
        snprintf(block + 148, 8, "%06o", sum);
        add(a, block, BLOCK);
}

/* One part of a path.  What is refused is rare: or hardly an archive would come to its end. */
static const char *take_part(struct input *in, bool is_last)
{
        static const char *const plain[] = { "a", "b", "c", "d", "link", "\xc3\xa9" };
        static const char *const marks[] = { ".wh.a", ".wh.b", ".wh.c", ".wh.link",
                                             ".wh..wh..opq" };
        static const char *const odd[] = { "..",   ".",     "",      ".wh.",     ".wh..wh.plnk",
                                           "long", ".wh..", ".wh.a", "\xff\xfe", ".wh..wh..opq" };
        unsigned kind = take(in);

        if (kind >= 252)
                return CHOOSE(in, odd);
        return kind >= 220 && is_last ? CHOOSE(in, marks) : CHOOSE(in, plain);
}

/* A path of up to four parts, of which the first may be nothing: an absolute one. */
static void take_path(struct input *in, char *ret, size_t room)
{
        unsigned n = take(in) % 4;

        ret[0] = '\0';
        for (unsigned i = 0; i <= n; i++) {
                const char *part = take_part(in, i == n);
                size_t len = strlen(ret);

                if (strcmp(part, "long") == 0) {
                        size_t n_long = 90 + take(in);

                        memset(ret + len, 'x', n_long);
                        ret[len + n_long] = '\0';
                } else {
                        snprintf(ret + len, room - len, "%s", part);
                }
                if (i < n)
                        strcat(ret, "/");
        }
}

/* `last`: an entry that may be there, for a hard link. */
static void take_target(struct input *in, const char *last, char *ret, size_t room)
{
        static const char *const targets[] = { "..",       "../canary", "/",
                                               "../../..", "link",      "/proc/self/root",
                                               "a",        "/dev/shm",  ".",
                                               "",         "/a",        "../layer/a" };
        unsigned kind = take(in);

        if (last && kind >= 16)
                snprintf(ret, room, "%s", last);
        else if (kind % 3 == 0)
                take_path(in, ret, room);
        else
                snprintf(ret, room, "%s", CHOOSE(in, targets));
}

static void add_record(char *records, size_t room, const char *key, const char *value)
{
        size_t len = strlen(records);
        size_t body = strlen(key) + strlen(value) + 3;
        size_t whole = body + 1;

        while (snprintf(NULL, 0, "%zu", whole) + body != whole)
                whole++;
        if (len + whole < room)
                snprintf(records + len, room - len, "%zu %s=%s\n", whole, key, value);
}

/* Records that say more than the header does, or something else. */
static void add_pax(struct input *in, struct archive *a, bool is_global)
{
        static const char *const keys[] = {
                "path",
                "linkpath",
                "size",
                "mtime",
                "uid",
                "gid",
                "hdrcharset",
                "SCHILY.xattr.user.note",
                "SCHILY.xattr.user.overlay.opaque",
                "SCHILY.xattr.user.overlay.whiteout",
                "SCHILY.xattr.user.overlay.redirect",
                "SCHILY.xattr.trusted.overlay.opaque",
                "SCHILY.xattr.security.capability",
                "SCHILY.xattr.system.posix_acl_access",
                "LIBARCHIVE.xattr.user.note",
                "LIBARCHIVE.xattr.user.overlay.opaque",
                "GNU.sparse.major",
                "GNU.sparse.minor",
                "GNU.sparse.realsize",
                "GNU.sparse.name",
                "GNU.sparse.map",
                "SCHILY.devmajor",
        };
        static const char *const values[] = {
                "y",           "0",    "1",    "-1",     "18446744073709551616", "",    "/",
                "99999999999", "eQ==", "0,10", "BINARY", "1.999999999",          "../x"
        };
        char records[8192] = "";
        unsigned n = take(in) % 4;

        for (unsigned i = 0; i <= n; i++) {
                const char *key = CHOOSE(in, keys);
                char path[BLOCK * 4];

                if (strstr(key, "path") || strstr(key, "name"))
                        take_path(in, path, sizeof(path));
                else
                        snprintf(path, sizeof(path), "%s", CHOOSE(in, values));
                add_record(records, sizeof(records), key, path);
        }
        add_header(a, "PaxHeaders/x", is_global ? 'g' : 'x', strlen(records), "", NULL);
        add_padded(a, records, strlen(records));
}

/* `last`: the file before it, which becomes this one when it is no link. */
static void take_entry(struct input *in, struct entry *e, char *last, size_t room)
{
        static const char types[] = "0000055551122660";
        static const char odd[] = "347\0VKLSZ";
        unsigned flags = take(in);
        const char *base = NULL;

        e->type = flags >= 248 ? odd[take(in) % (sizeof(odd) - 1)]
                               : types[take(in) % (sizeof(types) - 1)];
        take_path(in, e->name, sizeof(e->name));
        base = strrchr(e->name, '/');
        bool is_mark = strncmp(base ? base + 1 : e->name, ".wh.", 4) == 0 && flags < 240;
        if (is_mark)
                e->type = '0';
        if (e->type == '1' || e->type == '2')
                take_target(in, e->type == '1' ? last : NULL, e->target, sizeof(e->target));
        e->mode = take(in) | (take(in) & 15) << 8;
        e->uid = take(in) * (flags & 1 ? 257 : 1);
        e->mtime = (flags & 31) == 2 ? ~0ull : 1000000000ull + take(in);
        e->size = !is_mark && (e->type == '0' || e->type == '\0') ? take(in) : 0;
        for (size_t i = 0; i < e->size && i < 16; i++)
                e->content[i] = (uint8_t)take(in);
        e->claimed = (flags & 124) == 124 ? take(in) * 1000 : e->size;
        if (e->type == '0' && !is_mark)
                snprintf(last, room, "%s", e->name);
}

static void add_long(struct archive *a, char type, const char *text)
{
        if (strlen(text) <= 100)
                return;
        add_header(a, "././@LongLink", type, strlen(text) + 1, "", NULL);
        add_padded(a, text, strlen(text) + 1);
}

static void add_entry(struct archive *a, const struct entry *e)
{
        add_long(a, 'L', e->name);
        add_long(a, 'K', e->target);
        add_header(a, e->name, e->type, e->claimed, e->target, e);
        add_padded(a, e->content, e->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t end[2 * BLOCK];
        struct input in = { data, size };
        struct archive a = { 0 };
        char last[BLOCK * 4] = "a";

        for (unsigned i = 0; i < MOST && in.left > 0; i++) {
                unsigned what = take(&in);
                struct entry e = { 0 };

                if (what % 16 == 0)
                        add_pax(&in, &a, what == 0);
                take_entry(&in, &e, last, sizeof(last));
                add_entry(&a, &e);
        }
        add(&a, end, sizeof(end));
        place_unpack(a.data, a.size);
        free(a.data);
        return 0;
}
