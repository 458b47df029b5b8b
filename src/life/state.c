#include "state.h"

#include "fd.h"
#include "io.h"
#include "proc.h"
#include "state-inner.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Opening, reading and sweeping; state-box.c makes and removes, state-list.c lists and finds. */

/* Whether the session's directory is one: this user's, and nobody else's to look into. */
static bool is_private_dir(const char *path)
{
        struct stat st;

        return path && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
               st.st_uid == getuid() && (st.st_mode & 077) == 0;
}

int state_find_path(char path[STATE_PATH_SIZE], struct err *e)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char real[PATH_MAX];
        int n;

        if (is_private_dir(runtime) && realpath(runtime, real))
                n = snprintf(path, STATE_PATH_SIZE, "%s/kelp", real);
        else
                n = snprintf(path, STATE_PATH_SIZE, "/tmp/kelp-%u", (unsigned)getuid());
        if (n >= STATE_PATH_SIZE)
                return err_set(e, ENAMETOOLONG, "the path of XDG_RUNTIME_DIR is too long");
        return 0;
}

bool state_find_session(char path[STATE_PATH_SIZE])
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char real[PATH_MAX];
        struct stat st;

        return runtime && runtime[0] == '/' && realpath(runtime, real) && stat(real, &st) == 0 &&
               S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
               snprintf(path, STATE_PATH_SIZE, "%s/kelp", real) < STATE_PATH_SIZE;
}

/*
 * The session's directory was closed when sandboxes were started there, and is open now: to look
 * elsewhere would be to say that there are none.
 */
static int judge_session(const char *path, struct err *e)
{
        char session[PATH_MAX];
        struct stat st;

        if (!str_has_prefix(path, "/tmp/kelp-") || !state_find_session(session) ||
            str_eq(session, path) || lstat(session, &st) < 0 || !S_ISDIR(st.st_mode) ||
            st.st_uid != getuid())
                return 0;
        err_set(e, EPERM, "'%s' lies in a directory that is open to others", session);
        return err_hint(e, "chmod 700 \"$XDG_RUNTIME_DIR\"; without it: env -u XDG_RUNTIME_DIR "
                           "kelp ...");
}

static int tell_others(const char *path, uid_t owner, struct err *e)
{
        err_set(e, EPERM, "'%s' belongs to user %u", path, owner);
        return err_hint(e, "set XDG_RUNTIME_DIR to a directory of your own with mode 700");
}

/* What is somebody else's says so, also where we may not look into it. */
static int not_opened(int dirfd, const char *name, const char *path, struct err *e)
{
        struct stat st;
        int code = err_sys(e, "cannot open '%s'", path);

        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != getuid())
                return tell_others(path, st.st_uid, e);
        if (code != -ELOOP && code != -ENOTDIR)
                return code;
        err_prefix(e, "it is no directory of kelp's");
        return err_hint(e, "have it removed, or set XDG_RUNTIME_DIR to a directory of your own "
                           "with mode 700");
}

/* `name` below `dirfd`, which must be a directory of this user alone. */
static int open_private(int dirfd, const char *name, const char *path, struct err *e)
{
        autofd fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return not_opened(dirfd, name, path, e);
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        if (st.st_uid != getuid())
                return tell_others(path, st.st_uid, e);
        if (st.st_mode & 077) {
                err_set(e, EPERM, "'%s' is open to others (mode %03o)", path, st.st_mode & 0777);
                return err_hint(e, "chmod 700 '%s'", path);
        }
        return fd_take(&fd);
}

static int open_part(int dirfd, const char *name, const char *path, bool makes, struct err *e)
{
        int step = e->step;
        int fd = open_private(dirfd, name, path, e);

        if (fd >= 0 || !makes || e->code != ENOENT)
                return fd;
        *e = (struct err){ .step = step };
        /* what is there by now is judged, whoever has made it */
        if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make '%s'", path);
        return open_private(dirfd, name, path, e);
}

/* Names first: where there are boxes there is that directory, too. */
static int open_state(struct state *s, bool makes, struct err *e)
{
        if (state_find_path(s->path, e) < 0 || judge_session(s->path, e) < 0)
                return -e->code;
        s->root = open_part(AT_FDCWD, s->path, s->path, makes, e);
        if (s->root < 0)
                return -e->code;
        s->names = open_part(s->root, "names", s->path, makes, e);
        if (s->names < 0)
                return -e->code;
        s->boxes = open_part(s->root, "boxes", s->path, makes, e);
        return s->boxes < 0 ? -e->code : 0;
}

/* What a sandbox without a name needs, where it is there already. */
static int open_without_names(struct state *s, struct err *e)
{
        if (state_find_path(s->path, e) < 0 || judge_session(s->path, e) < 0)
                return -e->code;
        s->root = open_private(AT_FDCWD, s->path, s->path, e);
        if (s->root < 0)
                return -e->code;
        s->boxes = open_private(s->root, "boxes", s->path, e);
        return s->boxes < 0 ? -e->code : 0;
}

bool state_is_others(void)
{
        char path[STATE_PATH_SIZE];
        struct err unused = { 0 };
        struct stat st;

        return state_find_path(path, &unused) == 0 && lstat(path, &st) == 0 &&
               st.st_uid != getuid();
}

int state_make_root(const char *path, struct err *e)
{
        /* what this user cannot make, no sandbox of his can */
        if (mkdir(path, 0700) == 0 || errno == EEXIST || errno == ENOENT || errno == ENOTDIR ||
            errno == EACCES || errno == EROFS)
                return 0;
        return err_sys(e, "cannot make '%s'", path);
}

int state_open_or_make(bool wants_names, struct state *ret, struct err *e)
{
        autostate s = STATE_NONE;
        int step = e->step;
        int r = wants_names ? -ENOENT : open_without_names(&s, e);

        if (r == -ENOENT) {
                *e = (struct err){ .step = step };
                state_done(&s);
                r = open_state(&s, true, e);
        }
        if (r < 0)
                return r;
        *ret = s;
        s = (struct state)STATE_NONE;
        return 0;
}

int state_open(struct state *ret, struct err *e)
{
        autostate s = STATE_NONE;

        if (open_state(&s, false, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                state_done(&s);
        }
        *ret = s;
        s = (struct state)STATE_NONE;
        return 0;
}

void state_done(struct state *s)
{
        fd_close(&s->root);
        fd_close(&s->boxes);
        fd_close(&s->names);
}

static int no_such_box(const char *id, struct err *e)
{
        return err_set(e, ENOENT, "there is no sandbox '%s' any more", id);
}

int state_open_box(const struct state *s, const char *id, struct err *e)
{
        int fd = s->boxes < 0 ? no_such_box(id, e) : open_private(s->boxes, id, id, e);

        return fd == -ENOENT ? no_such_box(id, e) : fd;
}

int state_open_lock(const struct state *s, const char *id, int *ret_dir, int *ret_lock,
                    struct err *e)
{
        autofd dir = state_open_box(s, id, e);

        if (dir < 0)
                return -e->code;
        /* without a lock it was given up on its way in or out: made here, it can be removed */
        *ret_lock = openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*ret_lock < 0)
                return errno == ENOENT ? no_such_box(id, e)
                                       : err_sys(e, "cannot open the lock of sandbox '%s'", id);
        *ret_dir = fd_take(&dir);
        return 0;
}

int state_read_dir(int dir, struct box_status *ret, struct err *e)
{
        char text[BOX_STATUS_SIZE];
        autofd fd = openat(dir, "status", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        ssize_t n = fd < 0 ? -1 : io_read(fd, text, sizeof(text) - 1);

        if (n < 0)
                return err_sys(e, "cannot read the status of a sandbox");
        if (n == 0)
                return err_set(e, ENOENT, "the status of a sandbox is not written yet");
        text[n] = '\0';
        return box_status_parse(text, ret, e);
}

/* Where there is no room for another file there is still the one that is there. */
static int overwrite(int dir, const char *text, size_t len, struct err *e)
{
        autofd fd = openat(dir, "status", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

        unlinkat(dir, "status.new", 0);
        if (fd < 0 || io_write_at(fd, text, len, 0) != (ssize_t)len ||
            ftruncate(fd, (off_t)len) < 0)
                return -e->code;
        *e = (struct err){ .step = e->step };
        return 0;
}

int state_write_dir(int dir, const struct box_status *status, struct err *e)
{
        char text[BOX_STATUS_SIZE];
        size_t len = box_status_print(status, text);
        autofd fd = openat(dir, "status.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                           0600);

        if (fd < 0)
                return err_sys(e, "cannot make the status of the sandbox");
        if (io_write_all(fd, text, len, "status", e) < 0)
                return e->code == ENOSPC || e->code == EDQUOT ? overwrite(dir, text, len, e)
                                                              : -e->code;
        if (renameat(dir, "status.new", dir, "status") < 0)
                return err_sys(e, "cannot replace the status of the sandbox");
        return 0;
}

/*
 * The first of a new box.  One write into one page: whoever reads meanwhile finds nothing, which is no
 * status yet, or all of it.
 */
int state_begin_status(const struct state_box *box, const struct box_status *status, struct err *e)
{
        char text[BOX_STATUS_SIZE];
        size_t len = box_status_print(status, text);
        autofd fd = openat(box->dir, "status", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                           0600);

        if (fd < 0)
                return err_sys(e, "cannot make the status of the sandbox");
        return io_write_all(fd, text, len, "status", e);
}

int state_write_status(const struct state_box *box, const struct box_status *status, struct err *e)
{
        return state_write_dir(box->dir, status, e);
}

/* What a status says is no reason to kill anything but what only kelp makes. */
static bool is_init(pid_t pid)
{
        struct proc_place place;

        return proc_find_place(pid, &place) == 0 && place.depth > 1 && place.inner_pid == 1 &&
               str_eq(place.name, "kelp-init");
}

/*
 * Pid 1 dies with its supervisor, but not at once; nobody else who has got its number is meant, nor
 * whom a forged status names.
 */
static void end_init(const struct box_status *status)
{
        struct err unused = { 0 };
        uint64_t start = 0;

        if (status->init <= 0)
                return;
        autofd pidfd = proc_pidfd(status->init, &unused);
        if (pidfd >= 0 && proc_start_time(status->init, &start) == 0 &&
            start == status->init_start && is_init(status->init))
                syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* Should it not be possible to write that down, the next one who comes finds the same. */
static void mark_lost(int dir, struct box_status *status)
{
        struct err unused = { 0 };

        if (status->phase == BOX_EXITED)
                return;
        end_init(status);
        status->phase = BOX_EXITED;
        status->ended_s = (int64_t)time(NULL);
        status->exit_code = -1;
        box_status_set_text(status->reason, sizeof(status->reason), "lost");
        state_write_dir(dir, status, &unused);
}

/* Its lock is ours; it was nobody's. */
static int sweep(const struct state *s, const char *id, int dir, struct box_status *ret,
                 struct err *e)
{
        struct err unreadable = { 0 };

        bool is_read = state_read_dir(dir, ret, &unreadable) == 0;
        if (!is_read)
                *ret = (struct box_status){ .is_transient = true };
        if (!ret->is_transient) {
                mark_lost(dir, ret);
                return 0;
        }
        if (ret->phase != BOX_EXITED)
                end_init(ret);
        if (state_erase(s, id, is_read ? ret->name : NULL, dir, e) < 0)
                return -e->code;
        return no_such_box(id, e);
}

/* Whether the file of the lock is still there: who waited for it may have waited for its removal. */
static bool is_gone(int lock)
{
        struct stat st;

        return fstat(lock, &st) < 0 || st.st_nlink == 0;
}

int state_look(const struct state *s, const char *id, struct box_status *ret, bool *ret_alive,
               struct err *e)
{
        autofd dir = -1;
        autofd lock = -1;

        if (state_open_lock(s, id, &dir, &lock, e) < 0)
                return -e->code;
        *ret_alive = io_lock(lock, LOCK_SH | LOCK_NB) < 0;
        if (*ret_alive && errno != EWOULDBLOCK)
                return err_sys(e, "cannot try the lock of sandbox '%s'", id);
        if (*ret_alive)
                return state_read_dir(dir, ret, e);
        struct err unreadable = { 0 };
        if (state_read_dir(dir, ret, &unreadable) == 0 && ret->phase == BOX_EXITED &&
            !ret->is_transient)
                return 0;
        if (io_lock(lock, LOCK_EX) < 0)
                return err_sys(e, "cannot lock sandbox '%s'", id);
        if (is_gone(lock))
                return no_such_box(id, e);
        return sweep(s, id, dir, ret, e);
}

int state_read_status(const struct state *s, const char *id, struct box_status *ret, struct err *e)
{
        bool is_alive = false;

        return state_look(s, id, ret, &is_alive, e);
}
