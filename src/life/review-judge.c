#include "review-change.h"

#include <sys/stat.h>

/* Which changes meet what the user did meanwhile. */

/* Whether nobody but us has touched it since: that another name of a file goes changes its ctime. */
static bool is_untouched(const struct review_ident *now, const struct review_ident *seen)
{
        if (now->exists != seen->exists)
                return false;
        if (!now->exists)
                return true;
        return now->mode == seen->mode && now->ino == seen->ino && now->size == seen->size &&
               now->mtime_ns == seen->mtime_ns &&
               (now->ctime_ns == seen->ctime_ns || now->nlink != seen->nlink);
}

/* A directory that stays: what is in it is judged by itself. */
static bool is_same_directory(const struct review_changes *c, const struct review_change *change)
{
        const struct review_ident *now = &change->lower;
        const struct review_ident *seen = &change->seen;

        /* where there was none it is ours, should an apply have got that far: its looks come last */
        if (!change->is_seen || !S_ISDIR(seen->mode))
                return c->is_begun && review_was_made(c, now->ino);
        if (now->ino != seen->ino || seen->ctime_ns > c->review->start_ns)
                return false;
        /* times of directories are ours once something was done in them */
        return c->is_begun || (now->mode == seen->mode && now->mtime_ns == seen->mtime_ns);
}

static bool goes_as_directory(const struct review_change *change)
{
        return S_ISDIR(change->lower.mode) &&
               (change->kind == REVIEW_DELETED || change->kind == REVIEW_TYPE);
}

/*
 * Whether what is left to do of an apply that was killed is attributes, mode and time: those of the file
 * that was there are set one after the other, any other file comes with them.
 */
static bool is_half_done(const struct review_change *change)
{
        const struct review_ident *now = &change->lower;
        const struct review_ident *seen = &change->seen;
        bool has_mode = now->mode == seen->mode || now->mode == change->upper.mode ||
                        now->mode == (seen->mode | 0600);

        /* a file system may keep less of a time than it was given */
        return change->kind == REVIEW_TIMES ||
               (change->kind == REVIEW_MODE && now->ino == seen->ino && has_mode);
}

static bool is_conflict(const struct review_changes *c, const struct review_change *change)
{
        const struct review_ident *seen = &change->seen;
        bool stays = S_ISDIR(change->lower.mode) && S_ISDIR(change->upper.mode);

        if (change->is_only_link)
                return false;
        if (stays)
                return !is_same_directory(c, change);
        if (!change->is_seen)
                return change->lower.exists;
        if (seen->exists && seen->ctime_ns > c->review->start_ns)
                return true;
        if (change->is_hidden && c->items[change->parent].seen.ctime_ns > c->review->start_ns)
                return true;
        if (goes_as_directory(change))
                return change->seen_below.is_new || !seen->exists ||
                       change->lower.ino != seen->ino ||
                       change->below.digest != change->seen_below.digest;
        if (c->is_begun && is_half_done(change))
                return false;
        return !is_untouched(&change->lower, seen);
}

int review_judge(struct review_changes *c, struct err *e)
{
        for (size_t i = 0; i < c->n; i++) {
                struct review_change *change = &c->items[i];

                change->is_protected = review_is_protected(c->review, change);
                if (change->kind == REVIEW_SAME)
                        continue;
                change->is_conflict = is_conflict(c, change);
                /* that somebody works in a directory is none */
                if (change->is_conflict && change->kind == REVIEW_TIMES &&
                    S_ISDIR(change->upper.mode)) {
                        change->kind = REVIEW_SAME;
                }
        }
        return review_write_seen(c, e);
}
