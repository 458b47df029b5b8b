#include "run-protected.h"

#include "log.h"
#include "path.h"
#include "watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_changed(const struct tree_watch *w, const struct stat *st)
{
        uint64_t inside;

        if (st->st_dev != w->dev || st->st_ino != w->ino || watch_time(st) != w->changed_ns)
                return true;
        return w->with_inside && (!watch_inside(w->host_path, &inside) || inside != w->inside);
}

/* Of a longer path the two ends are told. */
#define SHORT_PATH 400

void run_tell_protected(const struct tree *t)
{
        for (size_t i = 0; i < t->n_watched; i++) {
                const struct tree_watch *w = &t->watched[i];
                char name[SHORT_PATH + 4];
                struct stat st;

                if (fstatat(AT_FDCWD, w->host_path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (w->only_link && !S_ISLNK(st.st_mode))
                        continue;
                if (w->is_there && !is_changed(w, &st))
                        continue;
                if (!w->is_there)
                        log_notice("the sandbox made '%s', which takes effect outside of it: look "
                                   "at it before you use it",
                                   path_shorten(w->host_path, name, sizeof(name)));
                else
                        log_notice("'%s' takes effect outside of the sandbox and was changed "
                                   "during the run: look at it before you use it",
                                   path_shorten(w->host_path, name, sizeof(name)));
        }
}
