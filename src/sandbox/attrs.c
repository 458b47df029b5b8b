#include "attrs.h"

#include "mem.h"
#include "str.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <sys/xattr.h>

#define OVERLAY_PREFIX "user.overlay."
#define DEFAULT_ACL    "system.posix_acl_default"
#define MAX_LIST       ((size_t)64 * 1024) /* XATTR_LIST_MAX, and XATTR_SIZE_MAX of a value */

struct value {
        char *data;
        ssize_t len; /* -1: there is none */
};

static void value_done(struct value *v)
{
        mem_free_at(&v->data);
}

#define autovalue __attribute__((cleanup(value_done))) struct value

static bool is_of_user(const char *name)
{
        return (str_has_prefix(name, "user.") && !str_has_prefix(name, OVERLAY_PREFIX)) ||
               str_eq(name, "system.posix_acl_access") || str_eq(name, DEFAULT_ACL);
}

/* The names, each ended by a NUL. */
static int list(int fd, struct value *ret, struct err *e)
{
        ret->data = mem_alloc(MAX_LIST + 1, e);
        if (!ret->data)
                return -e->code;
        ret->len = flistxattr(fd, ret->data, MAX_LIST);
        if (ret->len < 0 && errno == EOPNOTSUPP)
                ret->len = 0;
        return ret->len < 0 ? err_sys(e, "cannot list the extended attributes") : 0;
}

static int get(int fd, const char *name, struct value *ret, struct err *e)
{
        if (!ret->data)
                ret->data = mem_alloc(MAX_LIST, e);
        if (!ret->data)
                return -e->code;
        ret->len = fgetxattr(fd, name, ret->data, MAX_LIST);
        if (ret->len < 0 && errno != ENODATA && errno != EOPNOTSUPP)
                return err_sys(e, "cannot read the extended attribute '%s'", name);
        return 0;
}

static bool is_same(const struct value *a, const struct value *b)
{
        return a->len == b->len && (a->len <= 0 || memcmp(a->data, b->data, (size_t)a->len) == 0);
}

/* Whether all that `a` has is the same in `b`. */
static int has_all(int a, int b, bool *ret, struct err *e)
{
        autovalue names = { .data = NULL };
        autovalue x = { .data = NULL };
        autovalue y = { .data = NULL };

        *ret = false;
        if (list(a, &names, e) < 0)
                return -e->code;
        for (const char *name = names.data; name < names.data + names.len;
             name += strlen(name) + 1) {
                if (!is_of_user(name))
                        continue;
                if (get(a, name, &x, e) < 0 || get(b, name, &y, e) < 0)
                        return -e->code;
                if (!is_same(&x, &y))
                        return 0;
        }
        *ret = true;
        return 0;
}

int attrs_compare(int a, int b, bool *ret_same, struct err *e)
{
        if (has_all(a, b, ret_same, e) < 0)
                return -e->code;
        return *ret_same ? has_all(b, a, ret_same, e) : 0;
}

static int remove_others(int from, int to, struct err *e)
{
        autovalue names = { .data = NULL };
        autovalue x = { .data = NULL };

        if (list(to, &names, e) < 0)
                return -e->code;
        for (const char *name = names.data; name < names.data + names.len;
             name += strlen(name) + 1) {
                if (!is_of_user(name))
                        continue;
                if (get(from, name, &x, e) < 0)
                        return -e->code;
                if (x.len < 0 && fremovexattr(to, name) < 0 && errno != ENODATA)
                        return err_sys(e, "cannot remove the extended attribute '%s'", name);
        }
        return 0;
}

static int copy_one(int from, int to, const char *name, struct err *e)
{
        autovalue x = { .data = NULL };
        autovalue y = { .data = NULL };

        if (get(from, name, &x, e) < 0 || get(to, name, &y, e) < 0)
                return -e->code;
        if (x.len < 0 || is_same(&x, &y))
                return 0;
        if (fsetxattr(to, name, x.data, (size_t)x.len, 0) < 0)
                return err_sys(e, "cannot set the extended attribute '%s'", name);
        return 0;
}

int attrs_copy(int from, int to, struct err *e)
{
        autovalue names = { .data = NULL };

        if (list(from, &names, e) < 0 || remove_others(from, to, e) < 0)
                return -e->code;
        for (const char *name = names.data; name < names.data + names.len;
             name += strlen(name) + 1) {
                if (is_of_user(name) && copy_one(from, to, name, e) < 0)
                        return -e->code;
        }
        return 0;
}

static unsigned judge(int fd, const char *name)
{
        char value[2];

        if (!str_has_prefix(name, OVERLAY_PREFIX))
                return 0;
        name += strlen(OVERLAY_PREFIX);
        if (str_eq(name, "origin") || str_eq(name, "impure"))
                return 0;
        if (str_eq(name, "opaque") &&
            fgetxattr(fd, OVERLAY_PREFIX "opaque", value, sizeof(value)) == 1 && value[0] == 'y')
                return ATTRS_OPAQUE;
        return ATTRS_FOREIGN;
}

int attrs_find_overlay(int fd, unsigned *ret, struct err *e)
{
        autovalue names = { .data = NULL };

        *ret = 0;
        if (list(fd, &names, e) < 0)
                return -e->code;
        for (const char *name = names.data; name < names.data + names.len; name += strlen(name) + 1)
                *ret |= judge(fd, name);
        return 0;
}

bool attrs_has_default_acl(int fd)
{
        return fgetxattr(fd, DEFAULT_ACL, NULL, 0) > 0;
}
