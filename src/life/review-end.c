#include "review-end.h"

#include "fd.h"
#include "log.h"
#include "review-tell.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_anything_told(const struct review_changes *c)
{
        for (size_t i = 0; i < c->n; i++) {
                if (review_is_told(&c->items[i]))
                        return true;
        }
        return false;
}

static int tell(struct review *r, bool is_logged, struct err *e)
{
        struct review_changes c = REVIEW_CHANGES_NONE;
        int code = 0;

        if (review_find_changes(r, &c, e) < 0)
                return -e->code;
        if (is_anything_told(&c)) {
                review_tell_end(&c, is_logged);
        } else {
                log_notice("the run changed nothing that could be reviewed");
                code = review_remove(r->root, r, e);
        }
        review_changes_done(&c);
        return code;
}

static void look(struct review *r, bool is_logged)
{
        struct err e = { 0 };
        autofd top = open(r->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (top >= 0)
                r->dir = openat(top, r->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (r->dir < 0)
                err_sys(&e, "cannot open the review %s", r->id);
        else if (faccessat(r->dir, "manifest", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                review_remove(r->root, r, &e);
        else if (review_read_manifest(r, &e) == 0)
                tell(r, is_logged, &e);
        if (e.code == 0)
                return;
        log_err(&e);
        log_hint("what was written is kept: kelp diff %s", r->id);
}

void review_end(struct review *r, bool is_logged)
{
        if (r->lock < 0)
                return;
        /* also where the run ended with an error */
        log_was_shared();
        look(r, is_logged);
        fd_close(&r->dir);
        /* who has started a run in the background may still have it, too */
        flock(r->lock, LOCK_UN);
        fd_close(&r->lock);
}
