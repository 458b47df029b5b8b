#include "entry.h"

#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define WHITEOUT                                                                                   \
        "."                                                                                        \
        "wh."
#define OPAQUE WHITEOUT WHITEOUT ".opq"

static int refuse(const char *name, const char *why, struct err *e)
{
        return err_set(e, EINVAL, "entry '%.200s' is refused: %s", name, why);
}

static void set_base(struct entry_path *path)
{
        char *slash = memrchr(path->text, '/', path->len);

        path->base = slash ? slash + 1 : path->text;
        path->dir_len = slash ? (size_t)(slash - path->text) : 0;
}

static int add_component(struct entry_path *path, const char *name, const char *at, size_t len,
                         struct err *e)
{
        if (len > LIMIT_NAME)
                return refuse(name, "a part of its name is longer than 255 bytes", e);
        if (len == 2 && memcmp(at, "..", 2) == 0)
                return refuse(name, "its name has '..'", e);
        if (path->len > 0)
                path->text[path->len++] = '/';
        memcpy(path->text + path->len, at, len);
        path->len += len;
        return 0;
}

int entry_path_parse(const char *name, struct entry_path *ret, struct err *e)
{
        unsigned depth = 0;

        ret->len = 0;
        if (!*name)
                return refuse(name, "it has no name", e);
        if (strlen(name) > LIMIT_PATH)
                return refuse(name, "its name is longer than 4095 bytes", e);
        for (const char *at = name; *at;) {
                size_t len = strcspn(at, "/");

                if (len > 0 && !(len == 1 && *at == '.')) {
                        if (++depth > LIMIT_DEPTH)
                                return refuse(name, "it lies deeper than 128 directories", e);
                        if (add_component(ret, name, at, len, e) < 0)
                                return -e->code;
                }
                at += len;
                at += strspn(at, "/");
        }
        ret->text[ret->len] = '\0';
        set_base(ret);
        return 0;
}

static bool has_marked_parent(const struct entry_path *path)
{
        for (const char *at = path->text; at < path->base; at = strchr(at, '/') + 1) {
                if (str_has_prefix(at, WHITEOUT))
                        return true;
        }
        return false;
}

int entry_take_mark(struct entry_path *path, enum entry_mark *ret, struct err *e)
{
        static const size_t prefix = sizeof(WHITEOUT) - 1;

        if (has_marked_parent(path))
                return refuse(path->text, "it lies inside a whiteout", e);
        *ret = ENTRY_PLAIN;
        if (!str_has_prefix(path->base, WHITEOUT))
                return 0;
        if (str_eq(path->base, OPAQUE)) {
                path->len = path->dir_len;
                path->text[path->len] = '\0';
                set_base(path);
                *ret = ENTRY_OPAQUE;
                return 0;
        }

        const char *hidden = path->base + prefix;
        if (!*hidden || str_eq(hidden, ".") || str_eq(hidden, ".."))
                return refuse(path->text, "it is a whiteout of nothing", e);
        if (str_has_prefix(hidden, WHITEOUT))
                return refuse(path->text, "it is a whiteout of a whiteout", e);
        size_t start = (size_t)(path->base - path->text);
        memmove(path->text + start, hidden, strlen(hidden) + 1);
        path->len -= prefix;
        *ret = ENTRY_WHITEOUT;
        return 0;
}
