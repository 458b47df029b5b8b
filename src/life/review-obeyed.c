#include "review-change.h"

#include "path.h"
#include "str.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Which changes take effect outside.  The manifest has the policy's relative names, which count in any
 * directory, and the paths that the run itself would have told of without a review.  To these come what
 * git obeys in a repository that was not there when the run began.  All of it is matched against the path
 * on the host: the place of a change may itself be part of a name.
 */

static int compare_paths(const void *a, const void *b)
{
        return strcmp(((const struct review_obeyed *)a)->path,
                      ((const struct review_obeyed *)b)->path);
}

void review_sort_obeyed(struct review *r)
{
        if (r->n_obeyed > 1)
                qsort(r->obeyed, r->n_obeyed, sizeof(*r->obeyed), compare_paths);
}

/* The first that does not come before `path` in their order. */
static size_t find_first(const struct review *r, const char *path)
{
        size_t low = 0;
        size_t high = r->n_obeyed;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(r->obeyed[middle].path, path) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Whether `path` is `name`, or below it, in any directory. */
static bool has_name(const char *path, const char *name)
{
        size_t len = strlen(name);

        for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
                if (strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == '/'))
                        return true;
        }
        return false;
}

/* Whether `path` ends with a directory on the way to `name`: a link there puts all of it elsewhere. */
static bool is_way_to(const char *path, const char *name)
{
        for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
                size_t len = (size_t)(slash - name);
                size_t path_len = strlen(path);

                if (path_len >= len && strncmp(path + path_len - len, name, len) == 0 &&
                    (path_len == len || path[path_len - len - 1] == '/'))
                        return true;
        }
        return false;
}

static bool has_policy_name(const struct review *r, const char *path, bool is_link)
{
        for (size_t i = 0; i < r->n_names; i++) {
                if (has_name(path, r->names[i]) || (is_link && is_way_to(path, r->names[i])))
                        return true;
        }
        return false;
}

/* What is in a new repository is judged by names: most of it is history. */
static bool is_repository(const char *path)
{
        return str_has_suffix(path, "/.git");
}

static bool is_obeyed_above(const struct review *r, char *path, bool is_link)
{
        for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) {
                bool is_whole = *end == '\0';

                *end = '\0';
                size_t i = find_first(r, path);
                bool is_found = i < r->n_obeyed && str_eq(r->obeyed[i].path, path) &&
                                (is_whole ? is_link || !r->obeyed[i].only_link
                                          : !r->obeyed[i].only_link && !is_repository(path));
                if (is_found)
                        return true;
        }
        return false;
}

static bool has_obeyed(const struct review *r, const char *path, bool is_link)
{
        char text[2 * PATH_MAX];
        int n = snprintf(text, sizeof(text), "%s/", path);

        if (n >= (int)sizeof(text))
                return true;
        if (is_link) {
                size_t i = find_first(r, text);

                if (i < r->n_obeyed && str_has_prefix(r->obeyed[i].path, text))
                        return true;
        }
        text[n - 1] = '\0';
        return is_obeyed_above(r, text, is_link);
}

/* `rest` is below a git directory; that of a submodule or a worktree lies in it, at any depth. */
static bool is_obeyed_by_git(const char *rest)
{
        static const char *const history[] = { "objects", "refs", "logs" };
        static const char *const anywhere[] = {
                "hooks",  "config",       "config.worktree", "info/attributes", "commondir",
                "gitdir", "rebase-merge", "rebase-apply",    "sequencer"
        };

        for (size_t i = 0; i < sizeof(history) / sizeof(history[0]); i++) {
                if (path_is_in(rest, history[i]))
                        return false;
        }
        for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++) {
                if (has_name(rest, anywhere[i]))
                        return true;
        }
        return false;
}

/*
 * A .git that is no directory names one, whatever lies there; and with a HEAD beside them any "config"
 * and "hooks" are git's.
 */
static bool is_of_git(const char *path, unsigned mode)
{
        const char *git = strstr(path, "/.git/");
        const char *last = strrchr(path, '/');

        if (is_repository(path))
                return mode != 0 && !S_ISDIR(mode);
        if (!git)
                return mode != 0 && last && str_eq(last, "/HEAD");
        for (; git; git = strstr(git + 1, "/.git/")) {
                if (is_obeyed_by_git(git + strlen("/.git/")))
                        return true;
        }
        return false;
}

bool review_is_protected(const struct review *r, const struct review_change *change)
{
        const char *top = r->places[change->place].path;
        unsigned mode = change->upper.exists ? change->upper.mode : 0;
        char path[2 * PATH_MAX];

        /* that a place has other looks is no change of what is in it */
        if (change->path[0] == '\0')
                return false;
        int n = snprintf(path, sizeof(path), "%s/%s", str_eq(top, "/") ? "" : top, change->path);
        if (n >= (int)sizeof(path))
                return true;
        return has_policy_name(r, path, S_ISLNK(mode)) || has_obeyed(r, path, S_ISLNK(mode)) ||
               is_of_git(path, mode);
}
