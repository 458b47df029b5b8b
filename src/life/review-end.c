#include "review-end.h"

#include "fd.h"
#include "log.h"
#include "review-tell.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool is_anything_told(const struct review_changes *c)
{
        for (size_t i = 0; i < c->n; i++) {
                if (review_is_told(&c->items[i]))
                        return true;
        }
        return false;
}

static int tell(const char *root, struct review *r, struct err *e)
{
        struct review_changes c = REVIEW_CHANGES_NONE;
        int code = 0;

        if (review_find_changes(r, &c, e) < 0)
                return -e->code;
        if (is_anything_told(&c)) {
                review_tell_end(&c);
        } else {
                log_notice("the run changed nothing that could be reviewed");
                code = review_remove(root, r, e);
        }
        review_changes_done(&c);
        return code;
}

void review_end(const char *root, struct review *r)
{
        struct err e = { 0 };

        /* also where the run ended with an error */
        log_was_shared();
        autofd top = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (top >= 0)
                r->dir = openat(top, r->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (r->dir < 0)
                err_sys(&e, "cannot open the review %s", r->id);
        else if (faccessat(r->dir, "manifest", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                review_remove(root, r, &e);
        else if (review_read_manifest(r, &e) == 0)
                tell(root, r, &e);
        if (e.code == 0)
                return;
        log_err(&e);
        log_hint("what was written is kept: kelp diff %s", r->id);
}
