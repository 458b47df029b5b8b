#include "run-protected.h"

#include "log.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool is_changed(const struct tree_watch *w, const struct stat *st)
{
        int64_t changed_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;

        return st->st_dev != w->dev || st->st_ino != w->ino || changed_ns != w->changed_ns;
}

void run_tell_protected(const struct tree *t)
{
        bool is_ours = false;

        for (size_t i = 0; i < t->n_watched; i++) {
                const struct tree_watch *w = &t->watched[i];
                struct stat st;

                if (fstatat(AT_FDCWD, w->host_path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (w->only_link && !S_ISLNK(st.st_mode))
                        continue;
                if (w->is_there && !is_changed(w, &st))
                        continue;
                /* the payload had the same stream, and may have left it so that nothing arrives */
                if (!is_ours)
                        log_reopen();
                is_ours = true;
                if (!w->is_there)
                        log_notice("the sandbox made '%s', which takes effect outside of it: look "
                                   "at it before you use it",
                                   w->host_path);
                else
                        log_notice("'%s' takes effect outside of the sandbox and was changed "
                                   "during the run: look at it before you use it",
                                   w->host_path);
        }
}
