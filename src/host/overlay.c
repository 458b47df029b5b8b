#include "attempt.h"
#include "cause.h"
#include "mounts.h"
#include "probes.h"
#include "str.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * An image is an overlay of directories of the store below a tmpfs, with the option userxattr
 * (Linux 5.11).  Whether that works depends on the kernel, on tmpfs (which has user attributes
 * since 6.6) and on the store's own file system, so all three are tried.
 *
 * The tmpfs goes on /proc, of a mount namespace that ends with the child: it is the one directory
 * that is surely there.
 */

#define TOP "/proc"

/* A directory of the lower layer that is removed and made again has to be empty: an opaque one. */
static int try_opaque(struct err *e)
{
        if (rmdir(TOP "/merged/dir/sub") < 0 || rmdir(TOP "/merged/dir") < 0 ||
            mkdir(TOP "/merged/dir", 0700) < 0)
                return host_failed(e, HOST_TOPIC_OVERLAY,
                                   err_sys(e, "cannot replace a directory of an image"));
        if (access(TOP "/merged/dir/sub", F_OK) == 0)
                return host_failed(e, HOST_TOPIC_OVERLAY,
                                   err_set(e, EIO, "a removed directory of an image comes back"));
        return 0;
}

static int make_tmpfs(struct err *e)
{
        static const char *const dirs[] = {
                TOP "/lower", TOP "/lower/dir", TOP "/lower/dir/sub",
                TOP "/upper", TOP "/work",      TOP "/merged",
        };

        if (unshare(CLONE_NEWNS) < 0)
                return host_failed(e, HOST_TOPIC_NAMESPACES,
                                   err_sys(e, "cannot make a mount namespace"));
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return host_failed(e, HOST_TOPIC_MOUNT, err_sys(e, "cannot make '/' private"));
        if (mount("tmpfs", TOP, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700") < 0)
                return host_failed(e, HOST_TOPIC_MOUNT, err_sys(e, "cannot mount a tmpfs"));
        for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
                if (mkdir(dirs[i], 0700) < 0)
                        return host_failed(e, HOST_TOPIC_MOUNT,
                                           err_sys(e, "cannot make '%s' in a tmpfs", dirs[i]));
        }
        return 0;
}

static int try_tmpfs(void *data, char *note, struct err *e)
{
        (void)data;
        if (make_tmpfs(e) < 0)
                return -e->code;
        if (mount("overlay", TOP "/merged", "overlay", 0,
                  "userxattr,lowerdir=" TOP "/lower,upperdir=" TOP "/upper,workdir=" TOP
                  "/work") < 0)
                return host_failed(e, HOST_TOPIC_OVERLAY, err_sys(e, "cannot mount an overlay"));
        /* without user attributes there is nothing that could mark a directory opaque */
        if (setxattr(TOP "/upper", "user.kelp", "y", 1, 0) < 0) {
                snprintf(note, HOST_NOTE_SIZE, "no-xattr");
                return 0;
        }
        return try_opaque(e);
}

/* The store, or the nearest directory above it that exists, as the lower layer: read only. */
static int try_store(void *data, char *note, struct err *e)
{
        const char *lower = data;

        (void)note;
        /*
         * Not by name: it may hold ':' and ',', which the options need for themselves.  And before
         * the new namespace: the working directory follows into it, a descriptor would not.
         */
        if (chdir(lower) < 0)
                return host_failed(e, HOST_TOPIC_OVERLAY, err_sys(e, "cannot enter '%s'", lower));
        if (make_tmpfs(e) < 0)
                return -e->code;
        if (mount("overlay", TOP "/merged", "overlay", 0,
                  "userxattr,lowerdir=.,upperdir=" TOP "/upper,workdir=" TOP "/work") < 0)
                return host_failed(e, HOST_TOPIC_OVERLAY,
                                   err_sys(e, "cannot mount an overlay over '%s'", lower));
        return 0;
}

static void nearest_existing(char *path)
{
        while (path[1] != '\0' && access(path, X_OK) < 0) {
                char *slash = strrchr(path, '/');

                slash[slash == path ? 1 : 0] = '\0';
        }
}

static bool explain(const struct host_view *v, int code, struct host_cause *ret)
{
        char filesystems[8192];
        bool is_known = host_read(v, "proc/filesystems", filesystems, sizeof(filesystems)) > 0 &&
                        strstr(filesystems, "\toverlay");

        switch (code) {
        case ENODEV:
                host_cause_why(ret, "the kernel has no overlay file system%s",
                               is_known ? "" : " loaded");
                host_cause_fix(ret, "%smodprobe overlay", host_sudo(v));
                return true;
        case EPERM:
        case EACCES:
                if (host_cause_refused(v, code, ret))
                        return true;
                host_cause_why(ret, "this kernel lets only root mount overlays: that came with "
                                    "Linux 5.11");
                host_cause_fix(ret, "use a newer kernel");
                return true;
        case EINVAL:
                host_cause_why(ret, "this kernel or file system does not take the overlay option "
                                    "'userxattr' (Linux 5.11), or is no good as a lower layer");
                host_cause_fix(ret,
                               "put the store on ext4, xfs, btrfs or tmpfs: set XDG_DATA_HOME");
                return true;
        default:
                return false;
        }
}

bool host_cause_overlay(const struct host_view *v, int code, struct host_cause *ret)
{
        const struct host_attempt attempt = { .run = try_tmpfs, .in_userns = true };
        struct err e = { 0 };

        if (host_attempt(v, &attempt, NULL, &e) == 0 || e.step != HOST_TOPIC_OVERLAY ||
            e.code != code)
                return false;
        return explain(v, code, ret);
}

/* Without an overlay a run of an image has a copy of its files. */
static void set_refused(const struct host_view *v, const struct err *e, struct host_fact *ret)
{
        host_fact_set(ret, HOST_WEAKER, "each run copies its image: %.*s", err_message_len(e),
                      e->text);
        explain(v, e->code, &ret->cause);
}

/* Of a file system that has no fixed number of blocks or files, both numbers are 0. */
static bool is_full(const char *place)
{
        struct statvfs vfs;

        return statvfs(place, &vfs) == 0 &&
               ((vfs.f_blocks > 0 && vfs.f_bavail == 0) || (vfs.f_files > 0 && vfs.f_favail == 0));
}

/* Whether nothing new can be put into `place`, which is there. */
static bool cause_no_room(const char *place, struct host_cause *ret)
{
        bool is_closed = access(place, W_OK) < 0;

        if (is_closed && errno == EROFS)
                host_cause_why(ret, "the file system of '%s' is read-only", place);
        else if (is_closed)
                host_cause_why(ret, "you cannot write to '%s'", place);
        else if (is_full(place))
                host_cause_why(ret, "the file system of '%s' is full", place);
        else
                return false;
        host_cause_fix(ret, "name another place: export XDG_DATA_HOME=DIRECTORY");
        if (!is_closed)
                host_cause_fix(ret, "or remove what no image needs any more: kelp prune");
        return true;
}

static void probe_store(const struct host_view *v, struct host_fact *ret)
{
        char lower[PATH_MAX];
        const struct host_attempt attempt = {
                .run = try_store,
                .data = lower,
                .in_userns = true,
        };
        struct host_cause cause = { 0 };
        struct err e = { 0 };

        if (v->store[0] == '\0')
                return;
        memcpy(lower, v->store, sizeof(lower));
        nearest_existing(lower);
        if (cause_no_room(lower, &cause)) {
                host_fact_set(ret, HOST_WEAKER, "images cannot be kept in '%s'", v->store);
                ret->cause = cause;
                return;
        }
        /* one that has mounts in it cannot be a layer; the store that will be made there can */
        if (host_has_mounts_below(v, lower) || host_attempt(v, &attempt, NULL, &e) == 0)
                return;
        set_refused(v, &e, ret);
}

void host_probe_overlay(const struct host_view *v, struct host_fact *ret)
{
        const struct host_attempt attempt = { .run = try_tmpfs, .in_userns = true };
        char note[HOST_NOTE_SIZE] = "";
        struct err e = { 0 };

        if (host_attempt(v, &attempt, note, &e) < 0) {
                if (host_is_untried(&e, HOST_TOPIC_OVERLAY, ret))
                        return;
                set_refused(v, &e, ret);
                return;
        }
        if (note[0] != '\0') {
                host_fact_set(ret, HOST_WEAKER,
                              "images run, but a directory of theirs cannot be replaced");
                host_cause_why(&ret->cause, "this kernel's tmpfs has no user attributes; that "
                                            "came with Linux 6.6");
                host_cause_fix(&ret->cause, "use a newer kernel");
        } else {
                host_fact_set(ret, HOST_OK, "images share their layers");
        }
        probe_store(v, ret);
}
