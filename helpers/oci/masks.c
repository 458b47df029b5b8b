#include "masks.h"

#include "fd.h"
#include "mount-attr.h"
#include "mount-place.h"
#include "mount.h"
#include "newmount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The covers that are attached already: the next one of a kind is a copy, with all its attributes. */
struct covers {
        int directory;
        int file;
};

static const uint64_t closed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

static int make_directory(const struct covers *c, struct err *e)
{
        static const struct newmount_option options[] = { { "mode", "0555" }, { "size", "4k" } };

        if (c->directory >= 0)
                return mount_copy(c->directory, "", false, e);
        return newmount_fs_with("tmpfs", options, 2, closed | MOUNT_ATTR_NODEV, e);
}

static int make_file(const struct rootfs *r, const struct covers *c, struct err *e)
{
        const struct mount_attr attr = { .attr_set = closed };

        if (c->file >= 0)
                return mount_copy(c->file, "", false, e);
        if (r->null < 0)
                return err_set(e, ENODEV, "the container has no '/dev/null' to mask it with");
        autofd mount = mount_copy(r->null, "", false, e);
        if (mount < 0 || newmount_change(mount, &attr, false, e) < 0)
                return -e->code;
        return fd_take(&mount);
}

/* What is not there, or what nobody in there gets to: -1 without an error. */
static int open_path(const struct rootfs *r, const char *box_path, struct err *e)
{
        int fd = mount_place_open(r->root, box_path, 0, e);

        if (fd < 0 && (e->code == ENOENT || e->code == ENOTDIR || e->code == EACCES))
                memset(e, 0, sizeof(*e));
        return fd < 0 ? -1 : fd;
}

static int mask(const struct rootfs *r, struct covers *c, const char *box_path, struct err *e)
{
        autofd place = open_path(r, box_path, e);
        struct stat st;

        if (place < 0)
                return -e->code;
        if (fstat(place, &st) < 0)
                return err_sys(e, "cannot stat it");
        bool is_directory = S_ISDIR(st.st_mode);
        autofd cover = is_directory ? make_directory(c, e) : make_file(r, c, e);
        if (cover < 0 || mount_place_attach(r->root, box_path, 0, place, cover, e) < 0)
                return -e->code;
        int *known = is_directory ? &c->directory : &c->file;
        if (*known < 0)
                *known = fd_take(&cover);
        return 0;
}

static int set_read_only(const struct rootfs *r, const char *box_path, struct err *e)
{
        autofd place = open_path(r, box_path, e);

        if (place < 0)
                return -e->code;
        autofd mount = mount_copy(place, "", true, e);
        if (mount < 0 || mount_attr_set_read_only(mount, true, e) < 0)
                return -e->code;
        return mount_place_attach(r->root, box_path, 0, place, mount, e);
}

int masks_add(const struct bundle *b, const struct rootfs *r, struct err *e)
{
        struct covers covers = { .directory = -1, .file = -1 };
        int result = 0;

        for (size_t i = 0; i < b->n_read_only; i++) {
                if (set_read_only(r, b->read_only[i], e) < 0)
                        return err_prefix(e, "linux.readonlyPaths[%zu]: cannot make '%s' read-only",
                                          i, b->read_only[i]);
        }
        for (size_t i = 0; i < b->n_masked && result == 0; i++) {
                if (mask(r, &covers, b->masked[i], e) < 0)
                        result = err_prefix(e, "linux.maskedPaths[%zu]: cannot mask '%s'", i,
                                            b->masked[i]);
        }
        fd_close(&covers.directory);
        fd_close(&covers.file);
        return result;
}
