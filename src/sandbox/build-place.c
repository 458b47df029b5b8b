#include "build-place.h"

#include "fd.h"
#include "image-root.h"
#include "newmount.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

static int open_flags(const struct tree_entry *entry)
{
        return O_PATH | (entry->flags & TREE_NO_FOLLOW ? O_NOFOLLOW : 0);
}

static bool is_kernels(const struct tree_entry *entry)
{
        return entry->kind == TREE_PROC || entry->kind == TREE_SYSFS ||
               str_eq(entry->box_path, "/dev") || str_eq(entry->box_path, "/sys");
}

int build_place_open(const struct build *b, const struct tree_entry *entry, struct err *e)
{
        if (b->plan->root == PLAN_ROOT_IMAGE && !(entry->flags & TREE_NO_FOLLOW))
                return image_make_place(&b->image, entry->box_path,
                                        (entry->flags & TREE_IS_DIRECTORY) != 0,
                                        is_kernels(entry) ? RESOLVE_NO_SYMLINKS : 0, e);
        int fd = resolve_in_root(b->root, entry->box_path, open_flags(entry), 0);
        if (fd < 0)
                return err_set(e, -fd, "cannot open '%s' of the new root: %s", entry->box_path,
                               err_name(-fd));
        return fd;
}

int build_place_attach(const struct build *b, const struct tree_entry *entry, int mount, int place,
                       struct err *e)
{
        uint64_t made;
        uint64_t found;

        if (newmount_attach(mount, place, "", e) < 0 || newmount_get_id(mount, &made, e) < 0)
                return -e->code;
        autofd there = resolve_in_root(b->root, entry->box_path, open_flags(entry), 0);
        if (there < 0 && there != -ENOENT && there != -ENOTDIR && there != -ELOOP)
                return err_set(e, -there, "cannot open '%s' of the new root: %s", entry->box_path,
                               err_name(-there));
        if (there >= 0 && newmount_get_id(there, &found, e) < 0)
                return -e->code;
        if (there >= 0 && found == made)
                return 0;
        err_set(e, ELOOP, "a symlink leads to a directory above '%s', or to '/'", entry->box_path);
        return err_hint(e, "name another place for it inside the sandbox");
}
