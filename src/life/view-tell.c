#include "view-tell.h"

#include "log.h"
#include "path.h"

static bool is_changeable(const struct tree_entry *entry)
{
        return entry->kind == TREE_BIND && entry->source &&
               !(entry->flags & (TREE_READ_ONLY | TREE_OVERLAID | TREE_IS_CACHE));
}

/*
 * There is more in a home that somebody will run than any list of names has.  It is asked of what the
 * sources turned out to be: a rule may name a home through a symlink, and so may HOME.
 */
static void tell_writable_home(const struct plan_files *files, const struct tree *t)
{
        const char *const homes[] = { files->home, files->account_home };

        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                for (size_t j = 0; j < 2; j++) {
                        if (!homes[j] || !is_changeable(entry) ||
                            !path_is_in(homes[j], entry->source))
                                continue;
                        log_notice("the whole home can be changed (%s), and with it much of what "
                                   "starts at the next login",
                                   entry->origin);
                        return;
                }
        }
}

static void tell_open_repos(const struct tree *t)
{
        if (t->n_open_repos > 0)
                log_notice("%zu more git repositories in subdirectories are not protected: their "
                           "hooks and configuration can be changed",
                           t->n_open_repos);
}

void view_tell(const struct plan *p, const struct tree *t)
{
        tell_writable_home(&p->files, t);
        tell_open_repos(t);
}
