#include "state.h"

#include "fd.h"
#include "io.h"
#include "state-inner.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often somebody else may be quicker. */
#define ATTEMPTS 1000

/* Made, changed and looked at under a lock of the directory: see state.h. */
static int lock_names(const struct state *s, struct err *e)
{
        int fd = openat(s->names, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open '%s/names'", s->path);
        if (io_lock(fd, LOCK_EX) < 0) {
                err_sys(e, "cannot lock '%s/names'", s->path);
                fd_close(&fd);
                return -e->code;
        }
        return fd;
}

bool state_follow_name(const struct state *s, const char *name, char id[BOX_ID_SIZE])
{
        char target[BOX_ID_SIZE + 1];

        if (s->names < 0 || strchr(name, '/') || name[0] == '.' || name[0] == '\0')
                return false;
        ssize_t n = readlinkat(s->names, name, target, sizeof(target));
        if (n != BOX_ID_SIZE - 1)
                return false;
        target[n] = '\0';
        if (!box_is_id(target))
                return false;
        memcpy(id, target, BOX_ID_SIZE);
        return true;
}

static int remove_name(const struct state *s, const char *name, const char *id, struct err *e)
{
        char now[BOX_ID_SIZE];

        if (!name[0])
                return 0;
        autofd lock = lock_names(s, e);
        if (lock < 0)
                return -e->code;
        if (!state_follow_name(s, name, now) || !str_eq(now, id))
                return 0;
        if (unlinkat(s->names, name, 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove the name '%s'", name);
        return 0;
}

/* Of a box that does not say its name: every one that leads to it. */
static int remove_names(const struct state *s, const char *id, struct err *e)
{
        int fd = openat(s->names, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s/names'", s->path);
        while (errno = 0, (entry = readdir(dir))) {
                char target[BOX_ID_SIZE];

                if (state_follow_name(s, entry->d_name, target) && str_eq(target, id) &&
                    remove_name(s, entry->d_name, id, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s/names'", s->path) : 0;
}

/*
 * What a box has, without a look at what there is: the end of a run waits for it.  The lock last: as
 * long as it is there, somebody can have it and go on with this.
 */
static bool empty_quickly(const struct state *s, const char *id, int box)
{
        static const char *const files[] = { "control", "status", "log", "log.1", "lock" };

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                unlinkat(box, files[i], 0);
        return unlinkat(s->boxes, id, AT_REMOVEDIR) == 0;
}

static int empty_box(int box, const char *id, struct err *e)
{
        int fd = openat(box, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list sandbox '%s'", id);
        while (errno = 0, (entry = readdir(dir))) {
                const char *name = entry->d_name;

                if (str_eq(name, ".") || str_eq(name, "..") || str_eq(name, "lock"))
                        continue;
                if (unlinkat(box, name, 0) < 0 && errno != ENOENT)
                        return err_sys(e, "cannot remove '%s' of sandbox '%s'", name, id);
        }
        if (errno)
                return err_sys(e, "cannot list sandbox '%s'", id);
        if (unlinkat(box, "lock", 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove the lock of sandbox '%s'", id);
        return 0;
}

int state_erase(const struct state *s, const char *id, const char *name, int dir, struct err *e)
{
        int r = name ? remove_name(s, name, id, e) : remove_names(s, id, e);

        if (r < 0)
                return r;
        if (empty_quickly(s, id, dir))
                return 0;
        if (empty_box(dir, id, e) < 0)
                return -e->code;
        /* who opened the lock just before it went has made a new one, and removes the rest */
        if (unlinkat(s->boxes, id, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
                return err_sys(e, "cannot remove sandbox '%s'", id);
        return 0;
}

static int make_id(char id[BOX_ID_SIZE], struct err *e)
{
        unsigned char bytes[(BOX_ID_SIZE - 1) / 2];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return err_sys(e, "cannot get random bytes");
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(id + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

/* 1: made and locked; 0: somebody was quicker with that id, or took what was made for a ruin. */
static int try_make(struct state_box *box, const char *id, struct err *e)
{
        struct stat st;

        if (id)
                memcpy(box->id, id, sizeof(box->id));
        else if (make_id(box->id, e) < 0)
                return -e->code;
        if (mkdirat(box->state.boxes, box->id, 0700) < 0)
                return errno == EEXIST || errno == ENOENT
                               ? 0
                               : err_sys(e, "cannot make '%s/boxes/%s'", box->state.path, box->id);
        if (state_open_lock(&box->state, box->id, &box->dir, &box->lock, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                return 0;
        }
        /* who found it without a lock may be about to remove it */
        if (io_lock(box->lock, LOCK_EX) < 0)
                return err_sys(e, "cannot lock '%s/boxes/%s'", box->state.path, box->id);
        return fstat(box->lock, &st) == 0 && st.st_nlink > 0;
}

static int make_unnamed(struct state_box *box, const char *id, struct err *e)
{
        for (int i = 0; i < ATTEMPTS; i++) {
                int made = try_make(box, id, e);

                if (made != 0)
                        return made < 0 ? made : 0;
                fd_close(&box->lock);
                fd_close(&box->dir);
        }
        return err_set(e, EAGAIN, "no sandbox can be made in '%s'", box->state.path);
}

static int name_is_taken(const char *name, const struct box_status *by, bool is_alive,
                         struct err *e)
{
        if (is_alive) {
                err_set(e, EEXIST, "there is a sandbox '%s' already", name);
                return err_hint(e, "take another --name; `kelp stop %s` would end it", name);
        }
        err_set(e, EEXIST, "there is a sandbox '%s' already, which has ended", by->name);
        return err_hint(
                e,
                "`kelp rm %s` frees the name; `kelp rm %s` also removes what --keep has kept under it",
                by->id, name);
}

/* Who has it: an error if that is somebody; 0: nobody any more. */
static int judge_name(const struct state_box *box, const char *name, struct err *e)
{
        char id[BOX_ID_SIZE];
        struct box_status status;
        bool is_alive = false;

        if (!state_follow_name(&box->state, name, id)) {
                struct stat st;

                if (fstatat(box->state.names, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return 0;
                return err_set(e, EEXIST, "'%s/names/%s' is none of kelp's", box->state.path, name);
        }
        if (state_look(&box->state, id, &status, &is_alive, e) == 0)
                return name_is_taken(name, &status, is_alive, e);
        /* it is in the making, and has not said anything yet */
        if (is_alive)
                return name_is_taken(name, &status, true, e);
        if (e->code != ENOENT)
                return -e->code;
        *e = (struct err){ .step = e->step };
        return remove_name(&box->state, name, id, e);
}

static int give_name(struct state_box *box, const char *name, struct err *e)
{
        for (int i = 0; i < ATTEMPTS; i++) {
                if (symlinkat(box->id, box->state.names, name) == 0) {
                        snprintf(box->name, sizeof(box->name), "%s", name);
                        return 0;
                }
                if (errno != EEXIST)
                        return err_sys(e, "cannot make '%s/names/%s'", box->state.path, name);
                if (judge_name(box, name, e) < 0)
                        return -e->code;
        }
        return err_set(e, EAGAIN, "the name '%s' is taken again and again", name);
}

int state_make_box(const char *name, const char *id, struct state_box *ret, struct err *e)
{
        struct state_box box = STATE_BOX_NONE;

        if (state_open_or_make(name != NULL, &box.state, e) < 0)
                return -e->code;
        if (make_unnamed(&box, id, e) < 0) {
                state_box_done(&box);
                return -e->code;
        }
        if (name && give_name(&box, name, e) < 0) {
                state_remove_own(&box);
                return -e->code;
        }
        *ret = box;
        return 0;
}

void state_box_done(struct state_box *box)
{
        fd_close(&box->lock);
        fd_close(&box->dir);
        state_done(&box->state);
}

void state_remove_own(struct state_box *box)
{
        struct err unused = { 0 };

        /* what fails is swept by whoever comes next */
        if (box->dir >= 0)
                state_erase(&box->state, box->id, box->name, box->dir, &unused);
        state_box_done(box);
}

int state_await_end(const struct state *s, const char *id, struct err *e)
{
        autofd dir = -1;
        autofd lock = -1;

        if (state_open_lock(s, id, &dir, &lock, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ 0 };
                return 0;
        }
        return io_lock(lock, LOCK_SH) < 0 ? err_sys(e, "cannot wait for sandbox '%s'", id) : 0;
}

int state_remove(const struct state *s, const char *id, struct err *e)
{
        struct box_status status;
        bool is_alive = false;
        autofd dir = -1;
        autofd lock = -1;

        if (state_look(s, id, &status, &is_alive, e) < 0 ||
            state_open_lock(s, id, &dir, &lock, e) < 0)
                return -e->code;
        if (is_alive) {
                err_set(e, EBUSY, "sandbox '%s' runs", status.name[0] ? status.name : id);
                return err_hint(e, "`kelp stop %s` ends it, `kelp rm -f %s` does both",
                                status.name[0] ? status.name : id,
                                status.name[0] ? status.name : id);
        }
        if (io_lock(lock, LOCK_EX) < 0)
                return err_sys(e, "cannot lock sandbox '%s'", id);
        return state_erase(s, id, status.name, dir, e);
}
