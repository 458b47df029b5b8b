#include "protect.h"

#include "fd.h"
#include "find.h"
#include "keep.h"
#include "path.h"
#include "place.h"
#include "protect-git.h"
#include "resolve.h"
#include "str.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int protect_area(const struct plan *plan, struct keep *k, const struct keep_area *area,
                        struct err *e)
{
        for (size_t i = 0; i < plan->files.n_rules; i++) {
                const struct plan_rule *rule = &plan->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || rule->box_path[0] == '/')
                        continue;
                k->origin = rule->origin;
                if (keep_name(k, area, rule->box_path, e) < 0)
                        return -e->code;
        }
        return protect_git_top(plan, k, area, e);
}

/* All that matches now; what appears later is neither protected nor told of. */
static int protect_pattern(struct keep *k, const struct plan_pattern *pattern, struct find *find,
                           struct err *e)
{
        size_t n = 0;

        k->origin = pattern->origin;
        for (size_t i = 0; i < k->n_areas; i++) {
                const struct keep_area *area = &k->areas[i];
                struct find_matches found;

                if (find_paths(find, area->fd, area->host_path, pattern->text, &found, e) < 0)
                        return err_prefix(e, "%s", pattern->origin);
                for (size_t j = 0; j < found.n; j++) {
                        if (keep_name(k, area, found.paths[j], e) < 0)
                                return -e->code;
                }
                n += found.n;
        }
        return tree_note_pattern(k->tree, pattern->text, pattern->origin, n, e);
}

static int protect_patterns(const struct plan *plan, struct keep *k, struct err *e)
{
        struct find find = { .arena = &k->scratch };

        for (size_t i = 0; i < plan->files.n_patterns; i++) {
                const struct plan_pattern *pattern = &plan->files.patterns[i];

                if (pattern->kind == PLAN_RULE_PROTECTED &&
                    protect_pattern(k, pattern, &find, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Whoever writes a policy decides what the next run may do: also one that is not there yet. */
static int protect_policies(const struct plan *plan, struct keep *k, struct err *e)
{
        k->origin = "policy";
        for (size_t i = 0; i < plan->files.n_policies; i++) {
                if (keep_host_path(k, plan->files.policies[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static bool is_repository(const struct keep_area *area)
{
        struct stat st;

        return fstatat(area->fd, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * In the area that it was found in; what the plan says of `.git` counts for each repository.  Those
 * inside of another repository that are no submodules are mostly fetched by a build, which removes
 * them again: mounts would stand in its way, so they are only watched.
 */
static int protect_repo(const struct plan *plan, struct keep *k, const struct walk_repo *repo,
                        struct err *e)
{
        for (size_t i = 0; i < k->n_areas; i++) {
                if (k->areas[i].fd != repo->share_fd)
                        continue;
                k->only_watches = repo->is_whole && is_repository(&k->areas[i]);
                int r = protect_git_below(plan, k, &k->areas[i], repo->dir, e);
                k->only_watches = false;
                return r;
        }
        return 0;
}

/* The kernel's name of what a host path leads to, or NULL; e->code tells of an error. */
static const char *name_of(struct arena *a, const char *path, struct err *e)
{
        autofd fd = open(path, O_PATH | O_CLOEXEC);
        char name[PATH_MAX];

        return fd >= 0 && resolve_name_of(fd, name, sizeof(name)) ? arena_copy(a, name, e) : NULL;
}

/*
 * `path` with no symlink on the way to its last component, which may be one.  Of what is not there,
 * or out of reach, the rest stands as it is written.
 */
static const char *name_with_way(struct arena *a, const char *path, struct err *e)
{
        size_t len = strlen(path);

        for (;;) {
                while (len > 0 && path[--len] != '/')
                        ;
                const char *dir = len > 0 ? arena_copy_n(a, path, len, e) : "/";
                const char *name = dir ? name_of(a, dir, e) : NULL;

                if (name)
                        return path_join(a, name, path + len + 1, e);
                if (e->code != 0 || len == 0)
                        return e->code ? NULL : path;
        }
}

/* What of a protected path is itself shared, as a directory or a file of its own, is read-only too. */
static void close_shares(struct tree *t, const char *host_path)
{
        for (size_t i = 0; i < t->n_entries; i++) {
                struct tree_entry *entry = &t->entries[i];

                if (entry->kind == TREE_BIND && !(entry->flags & (TREE_IS_CACHE | TREE_SCRATCH)) &&
                    path_is_in(entry->source, host_path))
                        entry->flags |= TREE_READ_ONLY;
        }
}

/* The names of what a share shows have no symlinks in them: those of a host path may. */
struct host_names {
        const char *all[3];
        size_t n;
};

static int find_host_names(struct keep *k, const char *path, struct host_names *ret, struct err *e)
{
        struct arena *a = &k->scratch;
        const char *way = name_with_way(a, path, e);
        const char *real = way ? name_of(a, path, e) : NULL;

        if (e->code != 0)
                return -e->code;
        *ret = (struct host_names){ .all = { path }, .n = 1 };
        if (!str_eq(way, path))
                ret->all[ret->n++] = way;
        if (real && !str_eq(real, way))
                ret->all[ret->n++] = real;
        return 0;
}

static int protect_host_path(struct keep *k, const char *path, struct err *e)
{
        struct host_names names = { 0 };

        if (find_host_names(k, path, &names, e) < 0)
                return -e->code;
        for (size_t i = 0; i < names.n; i++) {
                if (keep_host_path(k, names.all[i], e) < 0)
                        return -e->code;
                close_shares(k->tree, names.all[i]);
        }
        return 0;
}

/* What is shared as a whole becomes read-only as a whole. */
static bool set_share_read_only(struct tree *t, const char *box_path)
{
        for (size_t i = 0; i < t->n_entries; i++) {
                if (t->entries[i].kind == TREE_BIND && str_eq(t->entries[i].box_path, box_path)) {
                        t->entries[i].flags |= TREE_READ_ONLY;
                        return true;
                }
        }
        return false;
}

/* The nearest around it, or NULL. */
static const struct keep_area *area_around(const struct keep *k, const char *box_path)
{
        const struct keep_area *best = NULL;

        for (size_t i = 0; i < k->n_areas; i++) {
                const struct keep_area *area = &k->areas[i];

                if (path_is_in(box_path, area->box_path) && !str_eq(box_path, area->box_path) &&
                    (!best || strlen(area->box_path) > strlen(best->box_path)))
                        best = area;
        }
        return best;
}

/*
 * An absolute protected path counts where it is seen, in the sandbox's words; and as a path of this host
 * in each writable directory that shows it, also in an image, as "./x" of a project is in its volume,
 * and in each that lies in it.
 */
static int protect_path(struct keep *k, const char *path, struct err *e)
{
        const struct keep_area *area = area_around(k, path);

        if (protect_host_path(k, path, e) < 0)
                return -e->code;
        if (area && keep_name(k, area, path + strlen(area->box_path) + 1, e) < 0)
                return -e->code;
        /* in an area it is watched if it is not there; elsewhere nobody can make it */
        if (set_share_read_only(k->tree, path) || (area && !place_find(k->tree, path)))
                return 0;
        return keep_pin(k, path, TREE_READ_ONLY | TREE_IF_EXISTS, e);
}

static int protect_absolute(const struct plan *plan, struct keep *k, struct err *e)
{
        for (size_t i = 0; i < plan->files.n_rules; i++) {
                const struct plan_rule *rule = &plan->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED || rule->box_path[0] != '/')
                        continue;
                k->origin = rule->origin;
                if (protect_path(k, rule->box_path, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Nothing outside runs or obeys what is in a cache of kelp's own: there is nothing to protect. */
static bool is_area(const struct tree_entry *entry)
{
        return entry->kind == TREE_BIND && entry->fd >= 0 &&
               !(entry->flags & (TREE_READ_ONLY | TREE_IS_CACHE | TREE_SCRATCH)) &&
               (entry->flags & TREE_IS_DIRECTORY);
}

static int find_areas(struct keep *k, struct err *e)
{
        const struct tree *t = k->tree;

        k->areas = arena_alloc(&k->scratch, (t->n_entries + 1) * sizeof(*k->areas), e);
        if (!k->areas)
                return -e->code;
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (is_area(entry))
                        k->areas[k->n_areas++] =
                                (struct keep_area){ entry->fd, entry->source, entry->box_path };
        }
        return 0;
}

/*
 * What hides, or shows something else, is at a name.  Whoever moves a directory above it takes that
 * name away: then the next run finds nothing to hide, and this one a free place to put something in.
 */
static int keep_ways(struct keep *k, struct err *e)
{
        for (size_t i = 0; i < k->tree->n_entries; i++) {
                /* a copy: what is added may come before it */
                const struct tree_entry entry = k->tree->entries[i];
                bool is_mount = entry.kind == TREE_EMPTY || entry.kind == TREE_TMPFS ||
                                entry.kind == TREE_BIND;
                const struct keep_area *area = is_mount && !(entry.flags & TREE_ANYWHERE)
                                                       ? area_around(k, entry.box_path)
                                                       : NULL;

                if (!area)
                        continue;
                k->origin = entry.origin;
                if (keep_way(k, area, entry.box_path + strlen(area->box_path) + 1, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int protect_all(const struct plan *p, const struct walk_found *found, struct keep *k,
                       struct err *e)
{
        if (find_areas(k, e) < 0)
                return -e->code;
        for (size_t i = 0; i < k->n_areas; i++) {
                if (protect_area(p, k, &k->areas[i], e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < found->n_repos; i++) {
                if (protect_repo(p, k, &found->repos[i], e) < 0)
                        return -e->code;
        }
        if (protect_patterns(p, k, e) < 0 || protect_policies(p, k, e) < 0 ||
            protect_absolute(p, k, e) < 0)
                return -e->code;
        return keep_ways(k, e);
}

int protect_add(const struct plan *p, const struct walk_found *found, struct tree *t, struct err *e)
{
        struct keep keep = { .tree = t };
        int r = protect_all(p, found, &keep, e);

        arena_done(&keep.scratch);
        t->n_open_repos = found->n_more_repos;
        return r;
}
