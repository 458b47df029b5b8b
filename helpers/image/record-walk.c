#include "record-walk.h"

#include "fd.h"
#include "mem.h"
#include "names.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ------ names ------ */

static size_t escape(char *to, const char *text)
{
        static const char digits[] = "0123456789abcdef";
        char *start = to;

        for (; *text; text++) {
                unsigned char c = (unsigned char)*text;

                if (c > ' ' && c != '\\' && c != 0x7f) {
                        *to++ = *text;
                        continue;
                }
                *to++ = '\\';
                *to++ = 'x';
                *to++ = digits[c >> 4];
                *to++ = digits[c & 15];
        }
        *to = '\0';
        return (size_t)(to - start);
}

bool record_unescape(char *text)
{
        char *to = text;

        for (; *text; text++) {
                if (*text != '\\') {
                        *to++ = *text;
                        continue;
                }
                int byte = text[1] == 'x' ? str_hex_byte(text + 2, STR_HEX_LOWER) : -1;
                if (byte < 0)
                        return false;
                *to++ = (char)byte;
                text += 3;
        }
        *to = '\0';
        return true;
}

int record_compare_paths(const char *a, const char *b)
{
        while (*a && *a == *b) {
                a++;
                b++;
        }
        /* a slash is less than every byte of a name, and the end less than a slash */
        int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
        int y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
        return x - y;
}

/* ------ one line ------ */

static char type_of(const struct stat *st)
{
        switch (st->st_mode & S_IFMT) {
        case S_IFREG:
                return 'f';
        case S_IFDIR:
                return 'd';
        case S_IFLNK:
                return 'l';
        case S_IFIFO:
                return 'p';
        case S_IFCHR:
                return st->st_rdev == makedev(0, 0) ? 'w' : 'o';
        default:
                return 'o';
        }
}

static int read_target(const struct record_entry *entry, char *ret, struct err *e)
{
        char target[LIMIT_PATH + 1];
        ssize_t n = readlinkat(entry->parent, entry->name, target, sizeof(target) - 1);

        if (n < 0)
                return err_sys(e, "cannot read the symlink '%.200s'", entry->path);
        target[n] = '\0';
        escape(ret, target);
        return 0;
}

int record_print(const struct record_entry *entry, bool has_owners, const char *content,
                 const char *xattrs, char *line, struct err *e)
{
        const struct stat *st = &entry->st;
        char type = type_of(st);
        char target[RECORD_NAME_MAX];
        char owner[32] = "- -";
        char size[24] = "-";
        char links[24] = "-";
        char time[48] = "-";

        if (type == 'l' && read_target(entry, target, e) < 0)
                return -e->code;
        if (has_owners)
                snprintf(owner, sizeof(owner), "%u %u", st->st_uid, st->st_gid);
        if (type == 'f')
                snprintf(size, sizeof(size), "%llu", (unsigned long long)st->st_size);
        if (type != 'd')
                snprintf(links, sizeof(links), "%lu", (unsigned long)st->st_nlink);
        if (entry->path[0])
                snprintf(time, sizeof(time), "%lld.%09ld", (long long)st->st_mtim.tv_sec,
                         st->st_mtim.tv_nsec);
        int n = snprintf(line, RECORD_LINE_MAX, "%c %o %s %s %s %s %s %s ", type,
                         st->st_mode & 07777, owner, size, links, time,
                         type == 'l' ? target : content, xattrs);
        escape(line + n, entry->path[0] ? entry->path : ".");
        return 0;
}

/* ------ attributes ------ */

#define XATTR_NAMES_MAX 65536u

/* Those of the system (a label, say) are not the layer's. */
static bool is_ours(const char *name)
{
        return str_has_prefix(name, "user.") || str_eq(name, XATTR_NAME_CAPS);
}

static int compare_names(const void *a, const void *b)
{
        const char *const *x = a;
        const char *const *y = b;

        return strcmp(*x, *y);
}

/* The names, sorted; *ret_n of them.  What is over the limit was not put there by an unpacking. */
static int sort_names(char *list, size_t len, const char **ret, size_t *ret_n)
{
        size_t n = 0;

        for (size_t at = 0; at < len; at += strlen(list + at) + 1) {
                if (!is_ours(list + at))
                        continue;
                if (n == LIMIT_XATTRS + 2)
                        return -E2BIG;
                ret[n++] = list + at;
        }
        qsort(ret, n, sizeof(*ret), compare_names);
        *ret_n = n;
        return 0;
}

static int add_xattr(int fd, const char *name, char *value, struct hasher *h)
{
        ssize_t n = fgetxattr(fd, name, value, LIMIT_XATTR_SIZE);
        uint64_t size = (uint64_t)n;

        if (n < 0)
                return -errno;
        hasher_add(h, name, strlen(name) + 1);
        hasher_add(h, &size, sizeof(size));
        hasher_add(h, value, (size_t)n);
        return 0;
}

static int digest_names(int fd, char *names, size_t len, struct digest *ret, struct err *e)
{
        const char *sorted[LIMIT_XATTRS + 2];
        autofree char *value = mem_alloc(LIMIT_XATTR_SIZE, e);
        autohasher h = { 0 };
        size_t n = 0;
        int r = 0;

        if (!value || hasher_start(&h, e) < 0)
                return -e->code;
        r = sort_names(names, len, sorted, &n);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_xattr(fd, sorted[i], value, &h);
        if (r < 0)
                return err_set(e, -r, "cannot read extended attributes: %s", err_name(-r));
        return n > 0 ? hasher_finish(&h, ret, e) : 0;
}

int record_digest_xattrs(int fd, struct digest *ret, struct err *e)
{
        char few[256];
        autofree char *many = NULL;
        char *names = few;
        ssize_t len = flistxattr(fd, few, sizeof(few));

        ret->hex[0] = '\0';
        if (len < 0 && errno == ERANGE) {
                names = many = mem_alloc(XATTR_NAMES_MAX, e);
                if (!many)
                        return -e->code;
                len = flistxattr(fd, many, XATTR_NAMES_MAX);
        }
        if (len < 0 && errno == ENOTSUP)
                return 0;
        if (len < 0)
                return err_sys(e, "cannot list extended attributes");
        return len == 0 ? 0 : digest_names(fd, names, (size_t)len, ret, e);
}

/* ------ the walk ------ */

struct walk {
        struct scratch *scratch;
        record_visit *visit;
        void *context;
        struct record_entry entry; /* where it is */
};

static int walk_directory(struct walk *w, unsigned depth, struct err *e);

static int visit_one(struct walk *w, unsigned depth, struct err *e)
{
        struct record_entry *entry = &w->entry;
        autofd fd = -1;
        bool skip = false;

        if (S_ISDIR(entry->st.st_mode)) {
                fd = openat(entry->parent, entry->name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return err_sys(e, "cannot open '%.200s'", entry->path);
        }
        entry->fd = fd;
        if (w->visit(w->context, entry, &skip, e) < 0)
                return -e->code;
        if (fd < 0 || skip)
                return 0;
        if (depth == LIMIT_DEPTH)
                return err_set(e, ELOOP, "'%.200s' lies too deep", entry->path);
        return walk_directory(w, depth + 1, e);
}

static int visit_name(struct walk *w, const char *name, size_t len, unsigned depth, struct err *e)
{
        struct record_entry *entry = &w->entry;
        size_t size = strlen(name);

        if (len + 1 + size > LIMIT_PATH)
                return err_set(e, ENAMETOOLONG, "'%.200s/...' is too long", entry->path);
        if (len > 0)
                entry->path[len++] = '/';
        memcpy(entry->path + len, name, size + 1);
        entry->name = name;
        if (fstatat(entry->parent, name, &entry->st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot stat '%.200s'", entry->path);
        return visit_one(w, depth, e);
}

/* What is in the directory that the walk has come to; it is there again afterwards. */
static int walk_directory(struct walk *w, unsigned depth, struct err *e)
{
        const struct record_entry *entry = &w->entry;
        const int parent = entry->parent;
        const char *own_name = entry->name;
        const int dir = entry->fd;
        size_t len = strlen(entry->path);
        const char *name;
        autonames names = { 0 };

        int r = names_open(&names, dir, w->scratch, NAMES_MOST, e);
        while (r == 0 && (r = names_next(&names, &name, e)) == 0 && name) {
                w->entry.parent = dir;
                r = visit_name(w, name, len, depth, e);
                w->entry.path[len] = '\0';
        }
        w->entry.parent = parent;
        w->entry.name = own_name;
        return r;
}

int record_walk(int dir, struct scratch *scratch, record_visit *visit, void *context, struct err *e)
{
        autofree struct walk *w = mem_alloc(sizeof(*w), e);
        bool skip = false;

        if (!w)
                return -e->code;
        *w = (struct walk){ .scratch = scratch, .visit = visit, .context = context };
        if (fstat(dir, &w->entry.st) < 0)
                return err_sys(e, "cannot stat a layer");
        w->entry.parent = -1;
        w->entry.fd = dir;
        if (visit(context, &w->entry, &skip, e) < 0)
                return -e->code;
        return skip ? 0 : walk_directory(w, 1, e);
}
