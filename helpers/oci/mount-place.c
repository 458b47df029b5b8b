#include "mount-place.h"

#include "fd.h"
#include "newmount.h"
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Making a place goes from one name to the next: the deepest directory that is there is opened, the next
 * name is made in it by descriptor, and then the whole path is resolved anew, so that no step relies on
 * what an earlier one has seen.  A symlink that leads nowhere (yet) is taken apart here: its target, seen
 * from the root, takes its place in the path.
 */

#define MAX_LINKS 40
#define MAX_STEPS (PATH_MAX / 2 + MAX_LINKS)

static unsigned long rules(unsigned flags)
{
        return flags & MOUNT_PLACE_IS_PLAIN ? RESOLVE_NO_SYMLINKS : 0;
}

static int place_error(struct err *e, int code, const char *box_path, unsigned flags)
{
        if (code == ELOOP && (flags & MOUNT_PLACE_IS_PLAIN))
                return err_set(
                        e, code,
                        "'%s' must be mounted on ordinary directory: the image has a symlink "
                        "on the way to it",
                        box_path);
        if (code == ELOOP)
                return err_set(e, code,
                               "the way to '%s' is a loop of symlinks, or a link in /proc that "
                               "leads out of it",
                               box_path);
        return err_set(e, code, "cannot open '%s' in the root: %s", box_path, err_name(code));
}

/* The deepest directory on the way; *ret_name is where the first missing name begins in `path`. */
static int open_deepest(int root, const char *path, unsigned flags, size_t *ret_name)
{
        char prefix[PATH_MAX];
        size_t end = strlen(path);

        memcpy(prefix, path, end + 1);
        for (;;) {
                while (end > 0 && prefix[end - 1] != '/')
                        end--;
                *ret_name = end;
                while (end > 0 && prefix[end - 1] == '/')
                        end--;
                prefix[end] = '\0';
                int fd = resolve_in_root(root, prefix, O_PATH | O_DIRECTORY, rules(flags));
                if (fd != -ENOENT || end == 0)
                        return fd;
        }
}

/* Puts the target of a symlink, which `path` has from `name` on, into the path. */
static int follow(char *path, size_t name, const char *target)
{
        char next[PATH_MAX];
        const char *rest = path + name + strcspn(path + name, "/");
        int n = snprintf(next, sizeof(next), "%.*s%s%s", target[0] == '/' ? 0 : (int)name, path,
                         target, rest);

        if (n < 0 || (size_t)n >= sizeof(next))
                return -ENAMETOOLONG;
        while (n > 1 && next[n - 1] == '/')
                next[--n] = '\0';
        memcpy(path, next, (size_t)n + 1);
        return 0;
}

/* One more name of `path` is there afterwards, or one symlink fewer is in it.  Negative errno. */
static int make_next(int root, char *path, unsigned flags, unsigned *links)
{
        char target[PATH_MAX];
        char name[NAME_MAX + 1];
        size_t at = 0;
        autofd dir = open_deepest(root, path, flags, &at);

        if (dir < 0)
                return dir;
        size_t len = strcspn(path + at, "/");
        bool is_last = path[at + len] == '\0';
        if (len == 0 || len > NAME_MAX)
                return len ? -ENAMETOOLONG : -ENOENT;
        memcpy(name, path + at, len);
        name[len] = '\0';
        ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
        if (n > 0) {
                target[n] = '\0';
                return ++*links > MAX_LINKS ? -ELOOP : follow(path, at, target);
        }
        if (!is_last || (flags & MOUNT_PLACE_IS_DIRECTORY))
                return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
        autofd file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return file < 0 && errno != EEXIST ? -errno : 0;
}

int mount_place_open(int root, const char *box_path, unsigned flags, struct err *e)
{
        char path[PATH_MAX];
        size_t len = strlen(box_path);
        unsigned links = 0;

        if (len >= sizeof(path))
                return place_error(e, ENAMETOOLONG, box_path, flags);
        memcpy(path, box_path, len + 1);
        for (unsigned i = 0; i < MAX_STEPS; i++) {
                int fd = resolve_in_root(root, path, O_PATH, rules(flags));

                if (fd >= 0)
                        return fd;
                if (fd != -ENOENT || !(flags & MOUNT_PLACE_IS_MADE))
                        return place_error(e, -fd, box_path, flags);
                int r = make_next(root, path, flags, &links);
                if (r < 0 && r != -ENOENT)
                        return err_set(e, -r, "cannot make '%s' in the root: %s", box_path,
                                       err_name(-r));
        }
        return place_error(e, ELOOP, box_path, 0);
}

/* The kernel says EINVAL for several things; which of them it was is seen from here. */
static int attach_error(int place, int mount, const char *box_path, struct err *e)
{
        struct stat to;
        struct stat from;

        if (e->code != EINVAL || fstat(place, &to) < 0 || fstat(mount, &from) < 0 ||
            S_ISDIR(to.st_mode) == S_ISDIR(from.st_mode))
                return -e->code;
        return err_set(e, ENOTDIR, "'%s' is %s directory, what is to be mounted is %s", box_path,
                       S_ISDIR(to.st_mode) ? "a" : "no", S_ISDIR(from.st_mode) ? "one" : "none");
}

int mount_place_attach(int root, const char *box_path, unsigned flags, int place, int mount,
                       struct err *e)
{
        uint64_t want;
        uint64_t got;

        if (newmount_attach(mount, place, "", e) < 0)
                return attach_error(place, mount, box_path, e);
        autofd seen = resolve_in_root(root, box_path, O_PATH, rules(flags));
        if (seen < 0)
                return place_error(e, -seen, box_path, flags);
        if (newmount_get_id(mount, &want, e) < 0 || newmount_get_id(seen, &got, e) < 0)
                return -e->code;
        if (want != got)
                return err_set(e, ESTALE, "'%s' was moved while it was being mounted on", box_path);
        return 0;
}
