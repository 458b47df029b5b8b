#include "why-suggest.h"

#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_own_group(gid_t gid)
{
        gid_t groups[NGROUPS_MAX];
        int n = getgroups(NGROUPS_MAX, groups);

        for (int i = 0; i < n; i++) {
                if (groups[i] == gid)
                        return true;
        }
        return gid == getegid();
}

/* Root's own way through every mode ends at the sandbox: inside he is a user like any other. */
static bool may_access_as_root(const char *host_path, int mode)
{
        struct stat st;
        unsigned bits;

        if (stat(host_path, &st) < 0)
                return false;
        if (st.st_uid == geteuid())
                bits = st.st_mode >> 6;
        else
                bits = is_own_group(st.st_gid) ? st.st_mode >> 3 : st.st_mode;
        return ((unsigned)mode & ~bits) == 0;
}

bool why_may_access(const char *host_path, enum why_access access, bool is_directory)
{
        static const int modes[] = {
                [WHY_READ] = R_OK,
                [WHY_WRITE] = W_OK,
                [WHY_EXECUTE] = X_OK,
        };
        int mode = modes[access] | (access == WHY_WRITE && is_directory ? X_OK : 0);

        if (faccessat(AT_FDCWD, host_path, mode, AT_EACCESS) < 0)
                return false;
        return geteuid() != 0 || may_access_as_root(host_path, mode);
}

static void say_closed(const struct why_question *q, struct why *ret)
{
        static const char *const verbs[] = {
                [WHY_READ] = "read",
                [WHY_WRITE] = "write",
                [WHY_EXECUTE] = "execute",
        };

        snprintf(ret->comment, sizeof(ret->comment), "on this host you may not %s it yourself",
                 verbs[q->access]);
}

/* "~/x" for what lies in the home: so it is read, and so it holds for others, too. */
static const char *shorten(const struct why_question *q, const char *path, struct err *e)
{
        const char *home = q->plan->files.home;

        if (!home || str_eq(home, "/") || !path_is_in(path, home) || str_eq(path, home))
                return path;
        return arena_print(q->arena, e, "~%s", path + strlen(home));
}

/* An option has the last word, and two of one place are an error. */
static const char *find_option(const struct plan *p, const char *path)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (rule->kind != PLAN_RULE_PROTECTED && str_has_prefix(rule->origin, "option ") &&
                    str_eq(rule->box_path, path))
                        return rule->origin + strlen("option ");
        }
        return NULL;
}

/* What is protected by its absolute path stays so, whoever shares it. */
static bool is_pinned_down(const struct plan *p, const char *path)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (rule->kind == PLAN_RULE_PROTECTED && rule->box_path[0] == '/' &&
                    path_is_in(path, rule->box_path))
                        return true;
        }
        return false;
}

static bool is_kernels(const char *path)
{
        return path_is_in(path, "/proc") || path_is_in(path, "/sys") || path_is_in(path, "/dev");
}

/* Nobody is told to let a command write to the home, or to what the home lies in. */
static bool is_too_much(const struct plan *p, const char *path, enum why_access access)
{
        const char *home = p->files.home;

        return str_eq(path, "/") || (access == WHY_WRITE && home && path_is_in(home, path));
}

static int suggest(const struct why_question *q, struct why *ret, const char *option,
                   const char *key, const char *path, struct err *e)
{
        const char *other = find_option(q->plan, path);
        const char *value = shorten(q, path, e);

        if (!value)
                return -e->code;
        why_suggest(ret, option, key, value);
        if (!other)
                return 0;
        if (ret->option[0])
                snprintf(ret->comment, sizeof(ret->comment),
                         "'%.500s' in place of option %.60s would allow it", ret->option, other);
        else
                snprintf(ret->comment, sizeof(ret->comment), "leave option %s out", other);
        ret->option[0] = '\0';
        ret->line[0] = '\0';
        return 0;
}

/* The words of docker for the same place in an image. */
static int suggest_volume(const struct why_question *q, struct why *ret, const char *key,
                          const char *path, struct err *e)
{
        const char *value = arena_print(q->arena, e, "%s:%s%s", path, path,
                                        q->access == WHY_WRITE ? "" : ":ro");
        struct why of_line;

        if (!value || suggest(q, ret, NULL, key, path, e) < 0)
                return -e->code;
        of_line = *ret;
        if (ret->line[0] == '\0')
                return 0;
        why_suggest(ret, "-v", NULL, value);
        memcpy(ret->line, of_line.line, sizeof(ret->line));
        return 0;
}

static int suggest_share(const struct why_question *q, struct why *ret, const char *path,
                         bool is_directory, struct err *e)
{
        bool is_write = q->access == WHY_WRITE;
        const char *key = is_write ? "[files] writable" : "[files] readable";

        if (is_kernels(path) || is_too_much(q->plan, path, q->access) ||
            (is_write && is_pinned_down(q->plan, path)))
                return 0;
        if (!why_may_access(path, WHY_READ, is_directory) ||
            !why_may_access(path, q->access, is_directory)) {
                snprintf(ret->comment, sizeof(ret->comment),
                         "it is closed to you on this host, too");
                return 0;
        }
        if (q->plan->root == PLAN_ROOT_IMAGE)
                return suggest_volume(q, ret, key, path, e);
        return suggest(q, ret, is_write ? "--writable" : "--readable", key, path, e);
}

/* What the host has at `path`, by its kind. */
static int suggest_host(const struct why_question *q, struct why *ret, const char *path,
                        const struct stat *st, struct err *e)
{
        if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
                return suggest_share(q, ret, path, S_ISDIR(st->st_mode), e);
        if (q->access == WHY_EXECUTE || !why_may_access(path, q->access, false)) {
                say_closed(q, ret);
                return 0;
        }
        if (S_ISSOCK(st->st_mode))
                return suggest(q, ret, "--socket", "[files] socket", path, e);
        if ((S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) && path_is_in(path, "/dev"))
                return suggest(q, ret, "--device", "[devices] allow", path, e);
        return 0;
}

/* A file that is to be made lies in a directory: that is what has to become writable. */
static int suggest_parent(const struct why_question *q, struct why *ret, const char *path,
                          struct err *e)
{
        struct stat st;

        do {
                path = path_parent(q->arena, path, e);
                if (!path)
                        return -e->code;
        } while (lstat(path, &st) < 0 && !str_eq(path, "/"));
        if (is_too_much(q->plan, path, WHY_WRITE)) {
                snprintf(ret->comment, sizeof(ret->comment),
                         "make it on this host first, then name it");
                return 0;
        }
        return S_ISDIR(st.st_mode) ? suggest_share(q, ret, path, true, e) : 0;
}

/* An image is another world: only what the user keeps may be meant to be the same in both. */
static bool is_users_own(const struct plan *p, const char *path)
{
        return (p->files.home && path_is_in(path, p->files.home)) ||
               (p->files.cwd && path_is_in(path, p->files.cwd));
}

int why_suggest_path(const struct why_question *q, struct why *ret, struct err *e)
{
        const struct look *look = &q->look;
        const char *path = look->box_path;
        struct stat st;

        if (q->plan->root == PLAN_ROOT_IMAGE && !is_users_own(q->plan, path))
                return 0;
        /* shown from another place of the host: its name here is that of something else there */
        if (look->source->kind == TREE_BIND &&
            !str_eq(look->source->source, look->source->box_path)) {
                snprintf(ret->comment, sizeof(ret->comment), "on this host it lies in '%s'",
                         look->source->source);
                return 0;
        }
        if (stat(path, &st) == 0)
                return suggest_host(q, ret, path, &st, e);
        if (errno == ENOENT && q->access == WHY_WRITE)
                return suggest_parent(q, ret, path, e);
        return 0;
}
