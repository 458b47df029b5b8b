#include "look-image.h"

#include "fd.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A layer has what is asked for, hides it from those below, or says nothing about it. */
enum found { FOUND_NOTHING, FOUND_IT, FOUND_HIDDEN };

struct ask {
        const char *box_path;
        struct stat *ret;
        char *ret_link;
};

static bool is_marked(int fd, const char *name, char want)
{
        char path[32];
        char value[4] = "";

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return getxattr(path, name, value, sizeof(value)) >= 0 && (!want || value[0] == want);
}

/* Source: overlayfs.rst of the kernel, "whiteouts and opaque directories" and "userxattr". */
static bool is_whiteout(int fd, const struct stat *st)
{
        return (S_ISCHR(st->st_mode) && st->st_rdev == 0) ||
               (S_ISREG(st->st_mode) && is_marked(fd, "user.overlay.whiteout", 0));
}

static bool hides_below(int fd, const struct stat *st)
{
        return !S_ISDIR(st->st_mode) || is_marked(fd, "user.overlay.opaque", 'y');
}

static enum found take(const struct ask *ask, int fd, const struct stat *st)
{
        *ask->ret = *st;
        if (S_ISLNK(st->st_mode)) {
                ssize_t n = readlinkat(fd, "", ask->ret_link, PATH_MAX - 1);

                ask->ret_link[n > 0 ? n : 0] = '\0';
        }
        return FOUND_IT;
}

/* From the top of the layer down: a directory above can be gone or opaque. */
static enum found look_layer(const struct ask *ask, int layer)
{
        enum found below = FOUND_NOTHING;
        char path[PATH_MAX];
        size_t len = 0;

        for (;;) {
                struct stat st;

                len += 1 + strcspn(ask->box_path + len + 1, "/");
                snprintf(path, sizeof(path), "%.*s", (int)len, ask->box_path);
                autofd fd = resolve_in_root(layer, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
                if (fd < 0)
                        return below;
                if (fstat(fd, &st) < 0 || is_whiteout(fd, &st))
                        return FOUND_HIDDEN;
                if (ask->box_path[len] == '\0')
                        return take(ask, fd, &st);
                if (hides_below(fd, &st))
                        below = FOUND_HIDDEN;
        }
}

/* Returns 0 or a positive errno; ENODATA: there is no such layer. */
static int look_in(const struct ask *ask, const char *dir, enum found *ret)
{
        autofd layer = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (layer < 0)
                return errno == ENOENT ? ENODATA : errno;
        *ret = FOUND_IT;
        if (str_eq(ask->box_path, "/"))
                return fstat(layer, ask->ret) < 0 ? errno : 0;
        *ret = look_layer(ask, layer);
        return 0;
}

static int look_store(const struct plan_image *image, const char *kind, const struct ask *ask,
                      enum found *ret)
{
        for (size_t i = image->n_layers; i > 0 && *ret == FOUND_NOTHING; i--) {
                char dir[PATH_MAX];

                if (snprintf(dir, sizeof(dir), "%s/%s/%s", image->store, kind,
                             image->layers[i - 1]) >= (int)sizeof(dir))
                        return ENAMETOOLONG;
                int code = look_in(ask, dir, ret);
                if (code != 0)
                        return code;
        }
        return 0;
}

static int look_all(const struct plan_image *image, const struct ask *ask, enum found *ret)
{
        char upper[PATH_MAX];

        if (image->kept_dir &&
            snprintf(upper, sizeof(upper), "%s/upper", image->kept_dir) < (int)sizeof(upper)) {
                int code = look_in(ask, upper, ret);

                /* it is made by the first run that keeps something */
                if (code != ENODATA && (code != 0 || *ret != FOUND_NOTHING))
                        return code;
        }
        if (image->directory)
                return look_in(ask, image->directory, ret);
        /* the same files, whichever ids they were unpacked for */
        int code = look_store(image, "unpacked/single", ask, ret);
        return code == ENODATA ? look_store(image, "unpacked/subids", ask, ret) : code;
}

int look_image(const struct plan *p, const char *box_path, struct stat *ret,
               char ret_link[PATH_MAX])
{
        const struct ask ask = { box_path, ret, ret_link };
        enum found found = FOUND_NOTHING;
        int code = look_all(&p->image, &ask, &found);

        if (code != 0)
                return code;
        return found == FOUND_IT ? 0 : ENOENT;
}
