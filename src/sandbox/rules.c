#include "rules.h"

#include "fd.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A rule without a source may still name a place through a symlink of the host. */
static int resolve_cover(const struct plan *p, struct rules *r, struct rule *rule, struct err *e)
{
        struct source at = { .fd = -1 };

        if (p->root != PLAN_ROOT_HOST || rule->asked->kind == PLAN_RULE_EMPTY)
                return 0;
        if (resolve_source(r->arena, rule->box_path, &at, e) < 0) {
                bool is_absent = e->code == ENOENT || e->code == ENOTDIR;

                /* out of the user's reach is out of the sandbox's, too */
                if (e->code == EACCES || (is_absent && (rule->asked->if_exists ||
                                                        rule->asked->kind != PLAN_RULE_HIDDEN))) {
                        *e = (struct err){ .step = e->step };
                        return 0;
                }
                return err_prefix(e, "%s", rule->asked->origin);
        }
        fd_close(&at.fd);
        if (!str_eq(at.path, rule->box_path)) {
                rule->link_path = rule->box_path;
                rule->box_path = at.path;
        }
        return 0;
}

/* The host's own /proc or /sys, anywhere in the box, would lead out of it. */
static int judge_file_system(const struct rule *rule, struct err *e)
{
        struct statfs fs;

        if (fstatfs(rule->source.fd, &fs) < 0)
                return err_sys(e, "cannot judge '%s'", rule->source.path);
        if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
                return err_set(e, EPERM, "cannot share '%s': it is the host's %s",
                               rule->source.path, fs.f_type == SYSFS_MAGIC ? "/sys" : "/proc");
        return 0;
}

static int judge_kind(const struct rule *rule, struct err *e)
{
        mode_t mode = rule->source.st.st_mode;
        const char *path = rule->source.path;

        switch (rule->asked->kind) {
        case PLAN_RULE_DEVICE:
                if (!S_ISCHR(mode) && !S_ISBLK(mode))
                        return err_set(e, ENODEV, "'%s' is not a device", path);
                return 0;
        case PLAN_RULE_SOCKET:
                if (!S_ISSOCK(mode))
                        return err_set(e, ENOTSOCK, "'%s' is not a socket", path);
                return 0;
        case PLAN_RULE_READABLE:
        case PLAN_RULE_WRITABLE:
                break;
        case PLAN_RULE_HIDDEN:
        case PLAN_RULE_PROTECTED:
        case PLAN_RULE_TEMPORARY:
        case PLAN_RULE_EMPTY:
                return 0;
        }
        if (str_eq(path, "/")) {
                err_set(e, EPERM, "cannot share '/': that would be this host as a whole");
                return err_hint(e, "name the directories; kelp run -- COMMAND shows what is safe");
        }
        if (S_ISDIR(mode) || S_ISREG(mode))
                return judge_file_system(rule, e);
        err_set(e, EINVAL, "cannot share '%s': it is neither a directory nor a regular file", path);
        return err_hint(e,
                        S_ISSOCK(mode) ? "share a socket with --socket %s"
                                       : "share a device with --device %s",
                        path);
}

/*
 * A name below the current directory that leads out of it is a symlink, and what runs here may have
 * put it there: nobody is made to share what he did not name.
 */
static int judge_way(const struct rule *rule, struct err *e)
{
        const char *asked = rule->asked->host_path;
        char cwd[PATH_MAX];

        if (str_eq(asked, rule->source.path) || !getcwd(cwd, sizeof(cwd)) || str_eq(cwd, "/") ||
            !path_is_in(asked, cwd) || path_is_in(rule->source.path, cwd))
                return 0;
        err_set(e, ELOOP, "'%s' is a symlink out of the current directory, to '%s'", asked,
                rule->source.path);
        return err_hint(e, "if that is what you mean, name it: %s", rule->source.path);
}

/*
 * The name of the current directory may have come to lead elsewhere since it was asked for; the
 * directory itself cannot.
 */
static int judge_cwd(const struct plan *p, const struct rule *rule, struct err *e)
{
        struct stat st;

        if (!p->files.cwd || !str_eq(rule->asked->host_path, p->files.cwd))
                return 0;
        if (stat(".", &st) < 0)
                return err_sys(e, "cannot stat the current directory");
        if (st.st_dev == rule->source.st.st_dev && st.st_ino == rule->source.st.st_ino)
                return 0;
        return err_set(e, ESTALE, "the current directory is no longer '%s'", p->files.cwd);
}

static int resolve_rule(const struct plan *p, struct rules *r, struct rule *rule, struct err *e)
{
        const struct plan_rule *asked = rule->asked;

        if (!asked->host_path)
                return resolve_cover(p, r, rule, e);
        if (resolve_source(r->arena, asked->host_path, &rule->source, e) < 0) {
                if (asked->if_exists) {
                        rule->is_dropped = true;
                        *e = (struct err){ .step = e->step };
                        return 0;
                }
                if (e->code == ENOENT && asked->kind == PLAN_RULE_WRITABLE)
                        err_hint(e, "nothing is made on the host: mkdir -p it first");
                return err_prefix(e, "%s", asked->origin);
        }
        if (judge_way(rule, e) < 0 || judge_cwd(p, rule, e) < 0 || judge_kind(rule, e) < 0)
                return err_prefix(e, "%s", asked->origin);
        if (str_eq(asked->host_path, asked->box_path) &&
            !str_eq(rule->source.path, asked->box_path)) {
                rule->link_path = asked->box_path;
                rule->box_path = rule->source.path;
        }
        return 0;
}

/* What `now` takes the place of. */
static void drop_earlier(struct rules *r, const struct rule *now)
{
        for (size_t i = 0; i < r->n; i++) {
                struct rule *old = &r->items[i];
                bool same = str_eq(old->box_path, now->box_path);

                if (same || (now->asked->kind == PLAN_RULE_HIDDEN &&
                             path_is_in(old->box_path, now->box_path)))
                        old->is_dropped = true;
        }
}

/* Parents first; '/' sorts before every other byte, so "/a/b" comes before "/a-b". */
static int compare_paths(const void *a, const void *b)
{
        const unsigned char *x = (const unsigned char *)((const struct rule *)a)->box_path;
        const unsigned char *y = (const unsigned char *)((const struct rule *)b)->box_path;

        while (*x && *x == *y) {
                x++;
                y++;
        }
        int left = *x == '/' ? 1 : *x == '\0' ? 0 : *x + 1;
        int right = *y == '/' ? 1 : *y == '\0' ? 0 : *y + 1;
        return left - right;
}

static void sort_and_pack(struct rules *r)
{
        size_t kept = 0;

        for (size_t i = 0; i < r->n; i++) {
                if (r->items[i].is_dropped)
                        fd_close(&r->items[i].source.fd);
                else
                        r->items[kept++] = r->items[i];
        }
        r->n = kept;
        if (kept > 1)
                qsort(r->items, kept, sizeof(*r->items), compare_paths);
}

int rules_resolve(const struct plan *p, struct arena *a, struct rules *ret, struct err *e)
{
        struct rules r = { .arena = a };

        if (p->files.n_rules > 0)
                r.items = arena_alloc(a, p->files.n_rules * sizeof(*r.items), e);
        if (p->files.n_rules > 0 && !r.items)
                return -e->code;
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *asked = &p->files.rules[i];
                struct rule rule = { .asked = asked,
                                     .box_path = asked->box_path,
                                     .source = { .fd = -1 } };

                if (asked->kind == PLAN_RULE_PROTECTED)
                        continue;
                if (resolve_rule(p, &r, &rule, e) < 0) {
                        fd_close(&rule.source.fd);
                        rules_done(&r);
                        return -e->code;
                }
                if (rule.is_dropped)
                        continue;
                drop_earlier(&r, &rule);
                r.items[r.n++] = rule;
        }
        sort_and_pack(&r);
        *ret = r;
        return 0;
}

void rules_done(struct rules *r)
{
        for (size_t i = 0; i < r->n; i++)
                fd_close(&r->items[i].source.fd);
        r->n = 0;
}

bool rules_has_inside(const struct rules *r, const char *box_path)
{
        for (size_t i = 0; i < r->n; i++) {
                const char *path = r->items[i].box_path;

                if (path_is_in(path, box_path) && !str_eq(path, box_path))
                        return true;
        }
        return false;
}
