#include "attrs.h"

#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define OVERLAY  "user.overlay."
#define ESCAPED  OVERLAY "overlay."
#define ACL      "system.posix_acl_"
#define MAX_LIST 65536 /* XATTR_LIST_MAX */

static int failed(const char *path, struct err *e)
{
        return err_sys(e, "cannot read the extended attributes of '%.200s'", path);
}

/* A value of one of the overlay's own: a letter, or nothing. */
static int read_letter(int fd, const char *name, const char *path, char *ret, struct err *e)
{
        char value[8];
        ssize_t n = fgetxattr(fd, name, value, sizeof(value));

        if (n < 0 && errno != ERANGE)
                return failed(path, e);
        *ret = n > 0 ? value[0] : '\0';
        return 0;
}

static int read_overlay(int fd, const char *name, const char *path, struct attrs *ret,
                        struct err *e)
{
        const char *what = name + strlen(OVERLAY);
        char letter = '\0';

        if (str_eq(what, "redirect") || str_eq(what, "metacopy"))
                return err_set(e, EOPNOTSUPP,
                               "'%.200s' cannot be read without the layers below it (%s)", path,
                               name);
        if (str_eq(what, "opaque")) {
                if (read_letter(fd, name, path, &letter, e) < 0)
                        return -e->code;
                /* "x" tells of whiteouts in it that are files */
                ret->is_opaque = letter == 'y';
        }
        if (str_eq(what, "whiteout"))
                ret->is_whiteout = true;
        return 0;
}

static int add(int fd, const char *name, const char *path, struct attrs *ret, struct err *e)
{
        ssize_t size = fgetxattr(fd, name, NULL, 0);
        struct attr *attr = &ret->items[ret->n];

        if (size < 0)
                return failed(path, e);
        if (ret->n == LIMIT_XATTRS || size > (ssize_t)LIMIT_XATTR_SIZE)
                return err_set(e, E2BIG, "'%.200s' has too many or too large extended attributes",
                               path);
        char *value = arena_alloc(&ret->arena, (size_t)size + 1, e);
        attr->name = value ? arena_copy(&ret->arena, name, e) : NULL;
        if (!attr->name)
                return -e->code;
        /* never 0 bytes of room: then the kernel would tell a size and read nothing */
        size = fgetxattr(fd, name, value, (size_t)size + 1);
        if (size < 0)
                return failed(path, e);
        attr->value = value;
        attr->size = (size_t)size;
        ret->n++;
        return 0;
}

static int read_one(int fd, const char *name, const char *path, struct attrs *ret, struct err *e)
{
        if (str_has_prefix(name, ESCAPED) || str_has_prefix(name, ACL)) {
                ret->n_left_out++;
                return 0;
        }
        if (str_has_prefix(name, OVERLAY))
                return read_overlay(fd, name, path, ret, e);
        if (!str_has_prefix(name, "user.") && !str_eq(name, "security.capability"))
                return 0;
        return add(fd, name, path, ret, e);
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct attr *)a)->name, ((const struct attr *)b)->name);
}

int attrs_read(int fd, const char *path, struct attrs *ret, struct err *e)
{
        char few[1024];
        autofree char *many = NULL;
        char *list = few;
        ssize_t n = flistxattr(fd, few, sizeof(few));

        *ret = (struct attrs){ 0 };
        if (n < 0 && errno == ENOTSUP)
                return 0;
        if (n < 0 && errno == ERANGE) {
                list = many = mem_alloc(MAX_LIST, e);
                if (!many)
                        return -e->code;
                n = flistxattr(fd, many, MAX_LIST);
        }
        if (n < 0)
                return failed(path, e);
        for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
                if (read_one(fd, list + at, path, ret, e) < 0)
                        return -e->code;
        }
        if (ret->n > 1)
                qsort(ret->items, ret->n, sizeof(ret->items[0]), compare);
        return 0;
}

void attrs_done(struct attrs *a)
{
        arena_done(&a->arena);
        a->n = 0;
}

bool attrs_are_same(const struct attrs *a, const struct attrs *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const struct attr *x = &a->items[i];
                const struct attr *y = &b->items[i];

                if (!str_eq(x->name, y->name) || x->size != y->size ||
                    memcmp(x->value, y->value, x->size) != 0)
                        return false;
        }
        return true;
}
