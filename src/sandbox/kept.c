#include "kept.h"

#include "erase.h"
#include "fd.h"
#include "io.h"
#include "parse.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_RECORD ((size_t)4 * 1024 * 1024)
#define SUBIDS     "subids"

/* How often a directory may be removed under our hands. */
#define ATTEMPTS 10

/* How long a process that was killed may take to end. */
#define DYING_MS 200

/* As the XDG base directory specification says: what is missing is made for the user alone. */
static int make_directories(const char *path, bool *ret_is_new, struct err *e)
{
        char part[4096];

        for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
                if (mkdir(part, 0700) < 0 && errno != EEXIST)
                        return err_sys(e, "cannot make '%s'", part);
        }
        *ret_is_new = mkdir(path, 0700) == 0;
        if (!*ret_is_new && errno != EEXIST)
                return err_sys(e, "cannot make '%s'", path);
        return 0;
}

/*
 * What was made for a run that does not come about, as when the disk is full, is no sandbox that is
 * kept.  The lock is held: who waits for it finds that the directory is gone.
 */
static void take_back(const char *path, int dir)
{
        static const char *const files[] = { "new", "image", "directory", "lock" };

        /* not ours any more */
        if (faccessat(dir, "upper", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return;
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                unlinkat(dir, files[i], 0);
        rmdir(path);
}

static int keep_failed(const struct plan *p, struct err *e)
{
        bool is_full = e->code == ENOSPC || e->code == EDQUOT;

        if (!is_full && e->code != EROFS)
                return -e->code;
        err_prefix(e, "cannot keep the sandbox '%s'", p->name);
        if (!is_full)
                return err_hint(e,
                                "the file system of '%.200s' is read-only; with "
                                "XDG_DATA_HOME=DIR images and sandboxes lie elsewhere: import the "
                                "image there first",
                                p->image.kept_dir);
        return err_hint(
                e,
                "the file system of '%.200s' is full: `kelp prune` and `kelp rm` free space "
                "in it; or import the image elsewhere by XDG_DATA_HOME=DIR",
                p->image.kept_dir);
}

static int open_directory(const char *path, struct err *e)
{
        autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", path);
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        if (st.st_uid != getuid())
                return err_set(e, EPERM, "'%s' belongs to user %u", path, st.st_uid);
        if (st.st_mode & 077) {
                err_set(e, EPERM, "'%s' is open to others (mode %03o)", path, st.st_mode & 0777);
                return err_hint(e, "chmod 700 '%s'", path);
        }
        return fd_take(&fd);
}

/* The number of the holder, 0 when it has not written it yet. */
static pid_t read_pid(int lock)
{
        char text[16];
        ssize_t n = pread(lock, text, sizeof(text) - 1, 0);
        struct err unused = { 0 };
        uint64_t pid = 0;

        text[n > 0 ? n : 0] = '\0';
        return parse_number(text, 1, INT32_MAX, &pid, &unused) < 0 ? 0 : (pid_t)pid;
}

static int in_use(pid_t holder, const char *name, struct err *e)
{
        if (holder > 0)
                err_set(e, EBUSY, "the sandbox '%s' is in use by process %d", name, (int)holder);
        else
                err_set(e, EBUSY, "the sandbox '%s' is in use", name);
        return err_hint(e, "wait until it ends, or take another --name");
}

static int write_pid(int dir, const char *name, struct err *e)
{
        autofd fd = openat(dir, "lock", O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
        char pid[16];

        if (fd < 0)
                return err_sys(e, "cannot open the lock of the sandbox '%s'", name);
        int len = snprintf(pid, sizeof(pid), "%d", (int)getpid());
        return io_write_all(fd, pid, (size_t)len, "lock", e);
}

/* Who was killed has a moment to be gone, and counts as gone when nobody has reaped it yet. */
static bool has_ended(pid_t pid)
{
        struct err unused = { 0 };
        autofd fd = proc_pidfd(pid, &unused);
        struct pollfd end = { .fd = fd, .events = POLLIN };

        if (fd < 0)
                return unused.code == ESRCH;
        return poll(&end, 1, DYING_MS) == 1;
}

/* A kelp that was killed is gone a moment before the pid 1 that dies with it: that is waited for. */
static int wait_for_lock(int fd, const char *name, struct err *e)
{
        pid_t holder = read_pid(fd);

        if (holder <= 0 || !has_ended(holder))
                return in_use(holder, name, e);
        return io_lock(fd, LOCK_EX) < 0 ? err_sys(e, "cannot lock the sandbox '%s'", name) : 0;
}

/* Nobody writes through the descriptor that pid 1 gets. */
static int take_lock(int dir, const char *name, struct err *e)
{
        autofd fd = openat(dir, "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot open the lock of the sandbox '%s'", name);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return err_sys(e, "cannot lock the sandbox '%s'", name);
                if (wait_for_lock(fd, name, e) < 0)
                        return -e->code;
        }
        return fd_take(&fd);
}

static bool is_still_there(const char *path, int dir)
{
        struct stat opened;
        struct stat now;

        return fstat(dir, &opened) == 0 && lstat(path, &now) == 0 && opened.st_ino == now.st_ino &&
               opened.st_dev == now.st_dev;
}

static int open_locked(const struct plan *p, struct kept *ret, struct err *e)
{
        const char *path = p->image.kept_dir;

        for (int i = 0; i < ATTEMPTS; i++) {
                if (make_directories(path, &ret->is_new, e) < 0)
                        return -e->code;
                autofd dir = open_directory(path, e);
                autofd lock = dir < 0 ? -1 : take_lock(dir, p->name, e);
                if (lock < 0)
                        return -e->code;
                if (!is_still_there(path, dir))
                        continue;
                ret->dir = fd_take(&dir);
                ret->lock = fd_take(&lock);
                return write_pid(ret->dir, p->name, e);
        }
        return err_set(e, EAGAIN, "'%s' is removed again and again", path);
}

/* ------ to whom it belongs ------ */

/* The value of a line of an image.policy, as much of it as fits. */
static void find_value(const char *text, const char *key, char *ret, size_t size)
{
        const char *at = strstr(text, key);

        ret[0] = '\0';
        if (at)
                snprintf(ret, size, "%.*s", (int)strcspn(at + strlen(key), "\n"), at + strlen(key));
}

static int is_anothers(const struct plan *p, const char *owner, struct err *e)
{
        const char *id = p->image.id ? p->image.id : "";

        err_set(e, EEXIST, "the sandbox '%s' belongs to %.250s, not to '%.80s'%s%.19s", p->name,
                owner, p->image.name, *id ? ", " : "", id);
        return err_hint(e, "take another --name, or remove it: kelp rm %s", p->name);
}

static int check_image(const struct plan *p, const char *record, struct err *e)
{
        static const char algorithm[] = "sha256:";
        char id[80];
        char name[200];
        char owner[300];

        find_value(record, "\nid = ", id, sizeof(id));
        find_value(record, "\nname = ", name, sizeof(name));
        if (p->image.id && str_eq(id, p->image.id))
                return 0;
        snprintf(owner, sizeof(owner), "the image %s%s%.19s", name, name[0] ? ", " : "", id);
        is_anothers(p, owner, e);
        if (!str_has_prefix(id, algorithm))
                return -e->code;
        /* its name may stand for another image by now; its id does not change */
        return err_hint(
                e,
                "go on with it: kelp run --keep --name %s %.12s; or take another --name, or "
                "remove it: kelp rm %s",
                p->name, id + strlen(algorithm), p->name);
}

static int check_directory(const struct plan *p, const char *record, struct err *e)
{
        char owner[300];

        if (p->image.directory && str_eq(record, p->image.directory))
                return 0;
        snprintf(owner, sizeof(owner), "the directory '%.250s'", record);
        return is_anothers(p, owner, e);
}

/* Reads a record; *ret stays NULL when there is none. */
static int read_record(int dir, const char *file, char **ret, struct err *e)
{
        if (io_read_file(dir, file, MAX_RECORD, ret, NULL, e) == 0 || e->code != ENOENT)
                return -e->code;
        *e = (struct err){ .step = e->step };
        return 0;
}

/* Whole or not at all: what a record belongs to must be known before anything is changed. */
static int write_record(int dir, const char *file, const char *text, struct err *e)
{
        autofd fd = openat(dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot make a record of the sandbox");
        if (io_write_all(fd, text, strlen(text), file, e) < 0)
                return err_prefix(e, "a record of the sandbox");
        if (fsync(fd) < 0 || renameat(dir, "new", dir, file) < 0 || fsync(dir) < 0)
                return err_sys(e, "cannot write a record of the sandbox");
        return 0;
}

/* A record is there before anything else is made: without one, that is left of a removal by hand. */
static int check_begun(const struct plan *p, int dir, struct err *e)
{
        static const char *const parts[] = { "upper", "work", "made", SUBIDS };

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                if (faccessat(dir, parts[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                err_set(e, EINVAL,
                        "the sandbox '%s' is damaged: it lacks the record of the image that it "
                        "belongs to",
                        p->name);
                return err_hint(e, "kelp rm %s", p->name);
        }
        return 0;
}

/* Who finds a record has not made the directory: another run came and went since. */
static int check_owner(const struct plan *p, struct kept *k, struct err *e)
{
        int dir = k->dir;
        autofree char *image = NULL;
        autofree char *directory = NULL;

        if (read_record(dir, "image", &image, e) < 0 ||
            read_record(dir, "directory", &directory, e) < 0)
                return -e->code;
        k->is_new = k->is_new && !image && !directory;
        if (image)
                return check_image(p, image, e);
        if (directory)
                return check_directory(p, directory, e);
        if (check_begun(p, dir, e) < 0)
                return -e->code;
        return p->image.directory ? write_record(dir, "directory", p->image.directory, e)
                                  : write_record(dir, "image", p->image.text, e);
}

int kept_open(const struct plan *p, struct kept *ret, struct err *e)
{
        struct kept k = KEPT_NONE;

        if (!p->image.kept_dir)
                return 0;
        if (open_locked(p, &k, e) < 0 || check_owner(p, &k, e) < 0) {
                if (k.is_new && k.lock >= 0)
                        take_back(p->image.kept_dir, k.dir);
                else if (k.is_new)
                        rmdir(p->image.kept_dir); /* if it is empty */
                kept_done(&k);
                return keep_failed(p, e);
        }
        *ret = k;
        return 0;
}

/* ------ its ids ------ */

int kept_check_ids(struct kept *k, const struct plan *p, bool has_subids, struct err *e)
{
        struct stat st;

        if (k->dir < 0)
                return 0;
        bool is_marked = fstatat(k->dir, SUBIDS, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!is_marked && errno != ENOENT)
                return err_sys(e, "cannot look at the sandbox '%s'", p->name);
        if (is_marked == has_subids)
                return 0;
        if (has_subids) {
                k->has_new_mark = true;
                return write_record(k->dir, SUBIDS, "", e);
        }
        if (k->has_new_mark) {
                if (unlinkat(k->dir, SUBIDS, 0) < 0)
                        return err_sys(e, "cannot remove a record of the sandbox");
                return 0;
        }
        err_set(e, EINVAL, "the sandbox '%s' has files of subordinate ids, and this run has none",
                p->name);
        if (p->ids.mode != PLAN_USERNS_SINGLE)
                return err_hint(e, "--userns subids says why there are none");
        return err_hint(e, "leave %s out",
                        p->ids.fake_root == PLAN_FAKE_ROOT_ON ? "--fake-root on"
                                                              : "--userns single");
}

/* ------ and back ------ */

/* The rest is the user's own; under another name first, so that no part of it has its own. */
static int take_away(const char *path, int dir, struct err *e)
{
        char gone[4096];
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return err_sys(e, "cannot get a random number");
        int n = snprintf(gone, sizeof(gone), "%.*s/.gone-%016llx", (int)(strrchr(path, '/') - path),
                         path, (unsigned long long)random);
        if (n >= (int)sizeof(gone))
                return err_set(e, ENAMETOOLONG, "the name of its directory is too long");
        /* or a `kelp rm` would take it for what was left behind */
        if (flock(dir, LOCK_EX | LOCK_NB) < 0)
                return err_sys(e, "cannot lock its directory");
        if (renameat2(AT_FDCWD, path, AT_FDCWD, gone, RENAME_NOREPLACE) < 0)
                return err_sys(e, "cannot rename '%s'", path);
        return erase_tree(AT_FDCWD, gone, e);
}

/* What belongs to subordinate ids is out of reach here: then it keeps its name, for `kelp rm`. */
int kept_take_back(const struct kept *k, const struct plan *p, struct err *e)
{
        const char *path = p->image.kept_dir;

        if (k->dir < 0 || !k->is_new || !is_still_there(path, k->dir))
                return 0;
        if (erase_tree(k->dir, "upper", e) < 0 || erase_tree(k->dir, "work", e) < 0)
                return -e->code;
        return take_away(path, k->dir, e);
}

void kept_done(struct kept *k)
{
        fd_close(&k->dir);
        fd_close(&k->lock);
}
