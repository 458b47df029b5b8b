#include "review-apply.h"

#include "fd.h"
#include "path.h"
#include "review-put.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The order: every change in the order of the list, so that a directory is there before what is put into
 * it; then the directories from the last to the first, for modes and times; then the disk is told; and
 * then whoever asked may remove the review.
 */

struct apply {
        struct review_changes *changes;
        const struct review_request *request;
        struct review_outcome *outcomes;
        size_t n_temps;
        bool is_whole; /* nothing is left that is told of */
};

/* Whether the host path `top`/`path` is `asked` or in it; or the other way round. */
static bool is_named(const char *top, const char *path, const char *asked, bool is_above)
{
        char full[2 * PATH_MAX];

        snprintf(full, sizeof(full), "%s%s%s", str_eq(top, "/") ? "" : top, path[0] ? "/" : "",
                 path);
        return is_above ? path_is_in(asked, full) : path_is_in(full, asked);
}

static bool is_asked(const struct review_changes *c, const struct review_request *request,
                     const struct review_change *change, bool is_above)
{
        const char *top = c->review->places[change->place].path;

        if (request->n_paths == 0)
                return true;
        for (size_t i = 0; i < request->n_paths; i++) {
                if (is_named(top, change->path, request->paths[i], is_above))
                        return true;
        }
        return false;
}

bool review_is_asked(const struct review_changes *c, const struct review_request *request,
                     const struct review_change *change)
{
        return is_asked(c, request, change, false);
}

/* A new directory is needed by what was asked for below it. */
static bool is_needed(const struct apply *a, const struct review_change *change)
{
        bool is_new = S_ISDIR(change->upper.mode) &&
                      (change->kind == REVIEW_ADDED || change->kind == REVIEW_TYPE);

        return is_asked(a->changes, a->request, change, false) ||
               (is_new && is_asked(a->changes, a->request, change, true));
}

static bool is_in_place(const struct apply *a, size_t i)
{
        enum review_fate fate = a->outcomes[i].fate;

        return fate == REVIEW_IN_PLACE || fate == REVIEW_APPLIED ||
               a->changes->items[i].kind == REVIEW_SAME;
}

/* Whether the directory that it belongs into is not there, and will not be. */
static bool is_cut_off(const struct apply *a, const struct review_change *change)
{
        const struct review_change *above = &a->changes->items[change->parent];

        return S_ISDIR(above->upper.mode) && !is_in_place(a, change->parent) &&
               (above->kind == REVIEW_ADDED || above->kind == REVIEW_TYPE);
}

static int fail(const struct review_changes *c, const struct review_change *change, struct err *e)
{
        return err_prefix(e, "'%s/%s'", c->review->places[change->place].path, change->path);
}

/* What was made read-only may be changed by its owner all the same, as in a run without a review. */
static int open_up(struct apply *a, size_t i, int fd, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat a directory");
        if ((st.st_mode & 0300) == 0300 || st.st_uid != geteuid())
                return 0;
        if (fchmod(fd, (st.st_mode & 07777) | 0700) < 0)
                return err_sys(e, "cannot set the mode of a directory");
        if (!a->outcomes[i].was_opened) {
                a->outcomes[i].was_opened = true;
                a->outcomes[i].was_mode = st.st_mode & 07777;
        }
        return 0;
}

static int open_pair(struct apply *a, const struct review_change *change, struct review_put *put,
                     struct err *e)
{
        struct review_changes *c = a->changes;

        put->parent = review_open_parent(c->lowers[change->place], change->path, &put->name);
        if (put->parent < 0)
                return err_set(e, -put->parent, "cannot open its directory: %s",
                               err_name(-put->parent));
        if (open_up(a, change->parent, put->parent, e) < 0)
                return -e->code;
        if (!change->upper.exists)
                return 0;
        put->upper = review_open_parent(c->uppers[change->place], change->path, &put->name);
        if (put->upper < 0)
                return err_set(e, -put->upper, "cannot open its directory of the upper layer: %s",
                               err_name(-put->upper));
        return 0;
}

/* The same file under its first name, where that is in place and is what it should be. */
static int open_leader(const struct apply *a, const struct review_change *change,
                       struct review_put *put)
{
        const struct review_change *leader;
        struct stat st;

        if (change->leader == REVIEW_NO_LEADER || !is_in_place(a, change->leader))
                return -1;
        leader = &a->changes->items[change->leader];
        autofd fd = review_open_parent(a->changes->lowers[leader->place], leader->path,
                                       &put->leader_name);
        if (fd < 0 || fstatat(fd, put->leader_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -1;
        const struct review_ident is = review_ident_of(&st);
        if (is.mode != leader->upper.mode || is.size != leader->upper.size ||
            is.mtime_ns != leader->upper.mtime_ns)
                return -1;
        return fd_take(&fd);
}

static int put_in_place(const struct review_put *put, struct err *e)
{
        const struct review_change *change = put->change;

        switch (change->kind) {
        case REVIEW_DELETED:
                return review_put_removal(put, e);
        case REVIEW_MODE:
        case REVIEW_TIMES:
                /* in place it would show under all names of the file */
                if (S_ISREG(change->lower.mode) && change->lower.nlink > 1)
                        return review_put_new(put, e);
                return review_put_looks(put, e);
        case REVIEW_ADDED:
        case REVIEW_CHANGED:
        case REVIEW_TYPE:
                return review_put_new(put, e);
        case REVIEW_SAME:
        case REVIEW_KIND_COUNT:
                break;
        }
        return 0;
}

static int put_one(struct apply *a, const struct review_change *change, enum review_fate *ret,
                   struct err *e)
{
        struct review_put put = {
                .review = a->changes->review, .change = change, .parent = -1, .upper = -1
        };
        char temp[64];

        snprintf(temp, sizeof(temp), REVIEW_TEMP "%s-%zu", a->changes->review->id, a->n_temps++);
        put.temp = temp;
        put.leader_parent = open_leader(a, change, &put);
        int r = open_pair(a, change, &put, e);
        if (r == 0)
                r = put_in_place(&put, e);
        fd_close(&put.parent);
        fd_close(&put.upper);
        fd_close(&put.leader_parent);
        if (r < 0 && e->code)
                return fail(a->changes, change, e);
        *ret = r == 0 ? REVIEW_APPLIED : REVIEW_LEFT_CONFLICT;
        return 0;
}

/* Of a directory that stays the looks come later. */
static bool is_looks_of_directory(const struct review_change *change)
{
        return S_ISDIR(change->upper.mode) &&
               (change->kind == REVIEW_MODE || change->kind == REVIEW_TIMES);
}

static int apply_one(struct apply *a, size_t i, struct err *e)
{
        const struct review_change *change = &a->changes->items[i];
        enum review_fate *fate = &a->outcomes[i].fate;

        if (!is_needed(a, change))
                return 0;
        *fate = REVIEW_IN_PLACE;
        if (change->refused)
                *fate = REVIEW_LEFT_REFUSED;
        else if (change->kind == REVIEW_SAME)
                return 0;
        else if (is_cut_off(a, change))
                *fate = REVIEW_LEFT_ABOVE;
        else if (change->is_conflict && !a->request->overwrites)
                *fate = REVIEW_LEFT_CONFLICT;
        else if (is_looks_of_directory(change))
                *fate = REVIEW_APPLIED;
        else
                return put_one(a, change, fate, e);
        return 0;
}

static int set_mode_back(const struct apply *a, size_t i, struct err *e)
{
        const struct review_change *change = &a->changes->items[i];
        autofd fd = review_open_beneath(a->changes->lowers[change->place], change->path,
                                        O_RDONLY | O_DIRECTORY);

        if (fd < 0)
                return err_set(e, -fd, "cannot open it: %s", err_name(-fd));
        if (fchmod(fd, a->outcomes[i].was_mode) < 0)
                return err_sys(e, "cannot set its mode back");
        return 0;
}

/* In its own directory, as ".": there is nothing above a place. */
static int dress_directory(const struct apply *a, size_t i, struct err *e)
{
        const struct review_change *change = &a->changes->items[i];
        struct review_put put = { .review = a->changes->review, .change = change, .name = "." };
        autofd lower = review_open_beneath(a->changes->lowers[change->place], change->path,
                                           O_RDONLY | O_DIRECTORY);
        autofd upper = review_open_beneath(a->changes->uppers[change->place], change->path,
                                           O_RDONLY | O_DIRECTORY);

        if (lower < 0 || upper < 0)
                return err_set(e, lower < 0 ? -lower : -upper, "cannot open it");
        put.parent = lower;
        put.upper = upper;
        return review_put_looks(&put, e);
}

static int finish_directory(const struct apply *a, size_t i, struct err *e)
{
        const struct review_change *change = &a->changes->items[i];
        enum review_fate fate = a->outcomes[i].fate;
        bool is_ours = (fate == REVIEW_APPLIED || fate == REVIEW_IN_PLACE || a->is_whole) &&
                       (!change->is_conflict || a->request->overwrites);
        int r = 0;

        if (!S_ISDIR(change->upper.mode))
                return 0;
        if (is_ours)
                r = dress_directory(a, i, e);
        else if (a->outcomes[i].was_opened)
                r = set_mode_back(a, i, e);
        return r < 0 ? fail(a->changes, change, e) : 0;
}

static bool is_whole(const struct apply *a)
{
        for (size_t i = 0; i < a->changes->n; i++) {
                enum review_fate fate = a->outcomes[i].fate;

                if (review_is_told(&a->changes->items[i]) && fate != REVIEW_APPLIED &&
                    fate != REVIEW_IN_PLACE)
                        return false;
        }
        return true;
}

static int sync_places(const struct apply *a, struct err *e)
{
        for (size_t i = 0; i < a->changes->review->n_places; i++) {
                if (syncfs(a->changes->lowers[i]) < 0)
                        return err_sys(e, "cannot write what was applied to the disk");
        }
        return 0;
}

static int begin(const struct review *r, struct err *e)
{
        autofd fd = openat(r->dir, "applying", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0 || fsync(fd) < 0 || fsync(r->dir) < 0)
                return err_sys(e, "cannot note that the review %s is being applied", r->id);
        return 0;
}

int review_apply(struct review_changes *c, const struct review_request *request,
                 struct review_outcome **ret, struct err *e)
{
        struct apply a = { .changes = c, .request = request };

        a.outcomes = arena_alloc(&c->arena, (c->n + 1) * sizeof(*a.outcomes), e);
        if (!a.outcomes)
                return -e->code;
        *ret = a.outcomes;
        if (begin(c->review, e) < 0)
                return -e->code;
        for (size_t i = 0; e->code == 0 && i < c->n; i++)
                apply_one(&a, i, e);
        a.is_whole = is_whole(&a);
        for (size_t i = c->n; e->code == 0 && i-- > 0;)
                finish_directory(&a, i, e);
        return e->code ? -e->code : sync_places(&a, e);
}
