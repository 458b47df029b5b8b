#include "lower.h"

#include "beneath.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

void lower_view_done(struct lower_view *view)
{
        free(view->layers);
        *view = (struct lower_view){ 0 };
}

static int view_new(size_t n, struct lower_view *ret, struct err *e)
{
        *ret = (struct lower_view){ .layers = mem_alloc(n * sizeof(*ret->layers), e) };
        return ret->layers ? 0 : -e->code;
}

int lower_view_root(const struct lower *l, struct lower_view *ret, struct err *e)
{
        if (view_new(l->n, ret, e) < 0)
                return -e->code;
        for (size_t i = 0; i < l->n; i++)
                ret->layers[ret->n++] = (uint16_t)(l->n - 1 - i);
        return 0;
}

static int open_in(const struct lower *l, size_t layer, const char *path, int flags)
{
        char text[DIGEST_HEX + 1 + LIMIT_PATH + 1];

        snprintf(text, sizeof(text), "%s/%s", l->layers[layer].hex, path);
        return beneath_open(l->dir, text, flags);
}

static bool is_opaque(int fd)
{
        char value[2];

        return fgetxattr(fd, "user.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

/* 0: there is nothing; 1: it is a directory, open; 2: something else, which ends the search. */
static int look_in(const struct lower *l, size_t layer, const char *path, int *ret_fd,
                   struct err *e)
{
        int fd = open_in(l, layer, path, O_RDONLY | O_DIRECTORY);

        if (fd >= 0) {
                *ret_fd = fd;
                return 1;
        }
        if (errno == ENOENT)
                return 0;
        if (errno == ENOTDIR || errno == ELOOP)
                return 2;
        return err_sys(e, "cannot look into the layers of the image at '%.200s'", path);
}

int lower_look(const struct lower *l, const struct lower_view *parent, const char *path,
               struct lower_view *ret, int *ret_fd, struct err *e)
{
        autofd top = -1;

        if (view_new(parent->n, ret, e) < 0)
                return -e->code;
        for (size_t i = 0; i < parent->n; i++) {
                autofd fd = -1;
                int found = look_in(l, parent->layers[i], path, &fd, e);

                if (found < 0) {
                        lower_view_done(ret);
                        return found;
                }
                if (found == 0)
                        continue;
                if (found == 2)
                        break;
                ret->layers[ret->n++] = parent->layers[i];
                bool is_last = is_opaque(fd);
                if (top < 0)
                        top = fd_take(&fd);
                if (is_last)
                        break;
        }
        *ret_fd = fd_take(&top);
        return 0;
}
