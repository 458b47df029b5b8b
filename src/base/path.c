#include "path.h"

#include "str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_dots(const char *name, size_t len)
{
        return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

bool path_is_clean(const char *path)
{
        if (path[0] != '/')
                return false;
        if (path[1] == '\0')
                return true;
        while (*path) {
                size_t len = strcspn(path + 1, "/");

                if (len == 0 || is_dots(path + 1, len))
                        return false;
                path += 1 + len;
        }
        return true;
}

/* Appends the components of `path` to `out`, which holds `len` bytes of a clean path without "/". */
static int append_clean(char *out, size_t *len, size_t size, const char *path)
{
        while (*path) {
                size_t n = strcspn(path, "/");

                if (n == 2 && is_dots(path, n)) {
                        while (*len > 0 && out[--*len] != '/')
                                ;
                } else if (n > 0 && !is_dots(path, n)) {
                        if (*len + n + 2 > size)
                                return -ENAMETOOLONG;
                        out[(*len)++] = '/';
                        memcpy(out + *len, path, n);
                        *len += n;
                }
                path += n + (path[n] == '/');
        }
        return 0;
}

char *path_clean(struct arena *a, const char *base, const char *path, struct err *e)
{
        char out[PATH_MAX];
        size_t len = 0;

        if (path[0] == '\0') {
                err_set(e, EINVAL, "an empty path");
                return NULL;
        }
        if ((path[0] != '/' && append_clean(out, &len, sizeof(out), base) < 0) ||
            append_clean(out, &len, sizeof(out), path) < 0) {
                err_set(e, ENAMETOOLONG, "path '%.80s...' is too long", path);
                return NULL;
        }
        if (len == 0)
                out[len++] = '/';
        return arena_copy_n(a, out, len, e);
}

/* Every rule is compared with every other in front of every run, and most differ at once. */
bool path_is_in(const char *path, const char *top)
{
        const char *start = path;

        while (*top && *path == *top) {
                path++;
                top++;
        }
        if (*top)
                return false;
        /* the end of "/" is the slash that stands before a name */
        return *path == '\0' || *path == '/' || (path == start + 1 && path[-1] == '/');
}

const char *path_base(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

char *path_parent(struct arena *a, const char *path, struct err *e)
{
        const char *slash = strrchr(path, '/');

        if (!slash || slash == path)
                return arena_copy(a, "/", e);
        return arena_copy_n(a, path, (size_t)(slash - path), e);
}

char *path_join(struct arena *a, const char *dir, const char *name, struct err *e)
{
        return arena_print(a, e, "%s/%s", str_eq(dir, "/") ? "" : dir, name);
}

static bool is_inside_character(char byte)
{
        return ((unsigned char)byte & 0xc0) == 0x80;
}

const char *path_shorten(const char *path, char *ret, size_t size)
{
        size_t len = strlen(path);
        size_t head = (size - sizeof("...")) / 3;

        if (len < size)
                return path;
        const char *tail = path + len - (size - sizeof("...") - head);
        while (head > 0 && is_inside_character(path[head]))
                head--;
        while (is_inside_character(*tail))
                tail++;
        snprintf(ret, size, "%.*s...%s", (int)head, path, tail);
        return ret;
}
