#include "mount-attr.h"

#include "newmount.h"

#include <errno.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

uint64_t mount_attr_new(const struct bundle_mount *m)
{
        uint64_t attr = m->set & ~(uint64_t)MOUNT_ATTR_RDONLY;

        if (m->set_all & MOUNT_ATTR__ATIME)
                attr &= ~(uint64_t)MOUNT_ATTR__ATIME;
        return attr | m->set_all;
}

/* Access times are one field: the kernel takes a new value only where the old one is taken off. */
static struct mount_attr make_change(uint64_t set, uint64_t clear)
{
        struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

        if ((set | clear) & MOUNT_ATTR__ATIME)
                attr.attr_clr |= MOUNT_ATTR__ATIME;
        attr.attr_clr &= ~(set & ~(uint64_t)MOUNT_ATTR__ATIME);
        return attr;
}

struct locked {
        unsigned long of_statfs;
        uint64_t attr;
        const char *word; /* what would have taken it off */
};

static const struct locked lockables[] = {
        { ST_RDONLY, MOUNT_ATTR_RDONLY, "'rw'" },
        { ST_NOSUID, MOUNT_ATTR_NOSUID, "'suid'" },
        { ST_NODEV, MOUNT_ATTR_NODEV, "'dev'" },
        { ST_NOEXEC, MOUNT_ATTR_NOEXEC, "'exec'" },
};

static void keep(const struct bundle_mount *m, const char *word, const struct notice *notice)
{
        notice_say(notice, "%s: no %s for '%s': the mount that '%s' lies on is locked, ignoring",
                   m->where, word, m->box_path, m->source);
}

/*
 * What is left of a change when that which the owner may have locked is left alone.  Of several mounts each
 * may have something else.
 */
static int leave_locked(const struct bundle_mount *m, int mount, bool is_recursive,
                        struct mount_attr *attr, const struct notice *notice, struct err *e)
{
        const uint64_t times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
        struct statfs fs;

        if (fstatfs(mount, &fs) < 0)
                return err_sys(e, "cannot read the attributes of the mount");
        for (size_t i = 0; i < sizeof(lockables) / sizeof(lockables[0]); i++) {
                const struct locked *l = &lockables[i];

                bool is_on = is_recursive || ((unsigned long)fs.f_flags & l->of_statfs);

                if (!(attr->attr_clr & l->attr) || !is_on)
                        continue;
                attr->attr_clr &= ~l->attr;
                keep(m, l->word, notice);
        }
        if ((attr->attr_set | attr->attr_clr) & times)
                keep(m, "other access times", notice);
        attr->attr_set &= ~times;
        attr->attr_clr &= ~times;
        return 0;
}

static int change(const struct bundle_mount *m, int mount, struct mount_attr attr,
                  bool is_recursive, const struct notice *notice, struct err *e)
{
        if (attr.attr_set == 0 && attr.attr_clr == 0)
                return 0;
        if (newmount_change(mount, &attr, is_recursive, e) == 0)
                return 0;
        if (e->code != EPERM)
                return -e->code;
        memset(e, 0, sizeof(*e));
        if (leave_locked(m, mount, is_recursive, &attr, notice, e) < 0)
                return -e->code;
        return newmount_change(mount, &attr, is_recursive, e);
}

int mount_attr_change(const struct bundle_mount *m, int mount, const struct notice *notice,
                      struct err *e)
{
        struct mount_attr one = make_change(m->set & ~(uint64_t)MOUNT_ATTR_RDONLY, m->clear);
        struct mount_attr all = make_change(m->set_all, m->clear_all);

        if (change(m, mount, one, false, notice, e) < 0)
                return -e->code;
        return change(m, mount, all, true, notice, e);
}

int mount_attr_set_propagation(int mount, unsigned long word, struct err *e)
{
        struct mount_attr attr = { .propagation = word & ~(unsigned long)MS_REC };

        return newmount_change(mount, &attr, word & MS_REC, e);
}

int mount_attr_propagate(const struct bundle_mount *m, int mount, struct err *e)
{
        for (size_t i = 0; i < m->n_propagations; i++) {
                if (mount_attr_set_propagation(mount, m->propagations[i], e) < 0)
                        return err_prefix(e, "cannot set the propagation");
        }
        return 0;
}

int mount_attr_set_read_only(int mount, bool is_recursive, struct err *e)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

        return newmount_change(mount, &attr, is_recursive, e);
}
