#include "rules.h"

#include "cache.h"
#include "fd.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* "x.conf", "x.tar": to make a directory of that name would hide a slip in it; "v1.2" is none. */
static bool is_named_as_file(const char *path)
{
        const char *last = strrchr(path, '/');
        const char *dot = last ? strrchr(last, '.') : NULL;

        return dot && dot > last + 1 && dot[1] != '\0' && strchr("0123456789", dot[1]) == NULL;
}

static const char *hint_no_share(const struct plan_rule *asked)
{
        if (str_has_suffix(asked->host_path, ".sock"))
                return "a socket is shared with --socket, and made by whoever listens there: start "
                       "that first";
        if (asked->kind == PLAN_RULE_READABLE)
                return "there is nothing to show: check the name";
        if (is_named_as_file(asked->host_path))
                return "nothing is made on the host: check the name, or make it first";
        return "nothing is made on the host: mkdir -p it first";
}

/* Who gives the name up leaves what it was meant for to be read. */
static const char *hint_not_hidden(const struct plan_rule *asked)
{
        if (!str_has_prefix(asked->origin, "option "))
                return "check the name; with a '-' in front it may be absent";
        if (strpbrk(asked->host_path ? asked->host_path : asked->box_path, "*?["))
                return "check the name; patterns are for policies: [files] hidden = ...";
        return "there is nothing to hide: check the name";
}

static void hint_absent(const struct plan_rule *asked, struct err *e)
{
        if (e->code == EMFILE)
                err_hint(e, "each path that is shown takes a descriptor: raise the hard limit of "
                            "open files (ulimit -Hn)");
        if (e->code != ENOENT)
                return;
        if (asked->kind == PLAN_RULE_HIDDEN)
                err_hint(e, "%s", hint_not_hidden(asked));
        else if (asked->kind == PLAN_RULE_SOCKET)
                err_hint(e, "whoever listens there makes it: start that first");
        else if (asked->kind == PLAN_RULE_DEVICE)
                err_hint(e, "the kernel makes it with its driver: see /dev for what there is");
        else
                err_hint(e, "%s",
                         asked->host_path ? hint_no_share(asked) : "nothing is made on the host");
}

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
                hint_absent(rule->asked, e);
                return err_prefix(e, "%s", rule->asked->origin);
        }
        fd_close(&at.fd);
        if (str_eq(at.path, "/") && rule->asked->kind == PLAN_RULE_TEMPORARY) {
                err_set(e, EINVAL, "'%s' leads to '/', which cannot be replaced", rule->box_path);
                return err_prefix(e, "%s", rule->asked->origin);
        }
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

        if (str_eq(rule->source.path, "/dev")) {
                err_set(e, EPERM, "cannot share '/dev': it is the host's own");
                return err_hint(e, "share a device with --device /dev/NAME");
        }
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
        if (stat(".", &st) < 0) {
                err_sys(e, "cannot stat the current directory");
                return err_hint(e, "cd to one that you may enter");
        }
        if (st.st_dev == rule->source.st.st_dev && st.st_ino == rule->source.st.st_ino)
                return 0;
        return err_set(e, ESTALE, "the current directory is no longer '%s'", p->files.cwd);
}

/* What is around it is shown without it; who names it is not shown it elsewhere, either. */
static int judge_state(const struct plan *p, const struct rule *rule, struct err *e)
{
        for (size_t i = 0; i < p->files.n_state_dirs; i++) {
                if (path_is_in(rule->source.path, p->files.state_dirs[i]))
                        return err_set(e, EPERM, "cannot share '%s': it is kelp's own state",
                                       rule->source.path);
        }
        return 0;
}

static int resolve_rule(const struct plan *p, struct rules *r, struct rule *rule, struct err *e)
{
        const struct plan_rule *asked = rule->asked;

        if (!asked->host_path)
                return resolve_cover(p, r, rule, e);
        if (asked->cache)
                return cache_open(p, r->arena, asked, &rule->source, e);
        if (resolve_source(r->arena, asked->host_path, &rule->source, e) < 0) {
                if (asked->if_exists) {
                        rule->is_dropped = true;
                        *e = (struct err){ .step = e->step };
                        return 0;
                }
                hint_absent(asked, e);
                return err_prefix(e, "%s", asked->origin);
        }
        if (judge_way(rule, e) < 0 || judge_cwd(p, rule, e) < 0 || judge_kind(rule, e) < 0 ||
            judge_state(p, rule, e) < 0)
                return err_prefix(e, "%s", asked->origin);
        if (str_eq(asked->host_path, asked->box_path) &&
            !str_eq(rule->source.path, asked->box_path)) {
                rule->link_path = asked->box_path;
                rule->box_path = rule->source.path;
        }
        return 0;
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

static int add(struct rules *r, const struct rule *rule, struct err *e)
{
        if (arena_grow(r->arena, &r->items, r->n, sizeof(*r->items), PLAN_MAX_RULES, "file rules",
                       e) < 0)
                return -e->code;
        r->items[r->n++] = *rule;
        return 0;
}

int rules_add(const struct plan *p, struct rules *r, const struct plan_rule *asked, size_t order,
              struct err *e)
{
        struct rule rule = {
                .asked = asked, .box_path = asked->box_path, .source = { .fd = -1 }, .order = order
        };
        int code = resolve_rule(p, r, &rule, e);

        if (code == 0 && rule.is_dropped)
                return 0;
        if (code == 0)
                code = add(r, &rule, e);
        if (code < 0)
                fd_close(&rule.source.fd);
        return code;
}

struct sorted {
        struct rule *rule;
};

static int compare_places(const void *a, const void *b)
{
        const struct rule *x = ((const struct sorted *)a)->rule;
        const struct rule *y = ((const struct sorted *)b)->rule;
        int order = compare_paths(x, y);

        if (order != 0)
                return order;
        return x->order < y->order ? -1 : x->order > y->order;
}

/* A directory on the way, and the last rule that hides it or one above it; `order` 0: none. */
struct cover {
        const char *box_path;
        size_t order;
};

static const struct rule *last_of_place(const struct sorted *sorted, size_t n, size_t i)
{
        while (i + 1 < n && str_eq(sorted[i + 1].rule->box_path, sorted[i].rule->box_path))
                i++;
        return sorted[i].rule;
}

/* Another name for what is shown stays, beside it. */
static void give_way(struct rule *rule, const struct rule *now)
{
        if (rule->link_path && now->source.path) {
                fd_close(&rule->source.fd);
                rule->is_link = true;
        } else {
                rule->is_dropped = true;
        }
}

/* Of several rules for one place the last stays, and in what is hidden those that come later. */
static void drop_in_order(const struct sorted *sorted, size_t n, struct cover *stack)
{
        size_t depth = 0;

        for (size_t i = 0; i < n; i++) {
                struct rule *rule = sorted[i].rule;

                while (depth > 0 && !path_is_in(rule->box_path, stack[depth - 1].box_path))
                        depth--;
                size_t hidden = depth > 0 ? stack[depth - 1].order : 0;
                if (rule->order < hidden)
                        rule->is_dropped = true;
                else if (i + 1 < n && str_eq(sorted[i + 1].rule->box_path, rule->box_path))
                        give_way(rule, last_of_place(sorted, n, i));
                if (rule->asked->kind == PLAN_RULE_HIDDEN && rule->order > hidden)
                        stack[depth++] = (struct cover){ rule->box_path, rule->order };
        }
}

/* With one sort: every rule compared with every other takes seconds where there are many. */
static int drop_overruled(struct rules *r, struct err *e)
{
        autofree struct sorted *sorted = mem_alloc((r->n + 1) * sizeof(*sorted), e);
        autofree struct cover *stack = mem_alloc((r->n + 1) * sizeof(*stack), e);

        if (!sorted || !stack)
                return -e->code;
        for (size_t i = 0; i < r->n; i++)
                sorted[i].rule = &r->items[i];
        if (r->n > 1)
                qsort(sorted, r->n, sizeof(*sorted), compare_places);
        drop_in_order(sorted, r->n, stack);
        return 0;
}

static int resolve_all(const struct plan *p, struct rules *r, struct err *e)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *asked = &p->files.rules[i];

                if (asked->kind != PLAN_RULE_PROTECTED && rules_add(p, r, asked, 2 * i + 1, e) < 0)
                        return -e->code;
        }
        return drop_overruled(r, e);
}

/* What is hidden has a rule for its own place: a share that shows it elsewhere, or an image, needs more. */
static bool is_elsewhere(const struct plan *p, const struct rule *rule)
{
        if (rule->asked->kind != PLAN_RULE_READABLE && rule->asked->kind != PLAN_RULE_WRITABLE)
                return false;
        return S_ISDIR(rule->source.st.st_mode) &&
               (p->root == PLAN_ROOT_IMAGE || !str_eq(rule->box_path, rule->source.path));
}

static bool has_rule(const struct rules *r, const char *box_path)
{
        for (size_t i = 0; i < r->n; i++) {
                if (!r->items[i].is_dropped && str_eq(r->items[i].box_path, box_path))
                        return true;
        }
        return false;
}

/* Who names the hidden path, or one below it, as the source has chosen to show it. */
static int hide_in_share(const struct plan *p, struct rules *r, const struct rule *share,
                         const char *real, const char *origin, struct err *e)
{
        const char *source = share->source.path;

        if (!is_elsewhere(p, share) || !path_is_in(real, source) || str_eq(real, source))
                return 0;
        const char *box_path = path_join(r->arena, share->box_path, real + strlen(source) + 1, e);
        struct plan_rule *asked = box_path ? arena_alloc(r->arena, sizeof(*asked), e) : NULL;
        if (!asked)
                return -e->code;
        if (has_rule(r, box_path))
                return 0;
        *asked = (struct plan_rule){
                .kind = PLAN_RULE_HIDDEN, .box_path = box_path, .if_exists = true, .origin = origin
        };
        const struct rule rule = {
                .asked = asked, .box_path = box_path, .source = { .fd = -1 }, .order = SIZE_MAX
        };
        return add(r, &rule, e);
}

int rules_hide_elsewhere(const struct plan *p, struct rules *r, const char *real,
                         const char *origin, struct err *e)
{
        for (size_t i = 0, n = r->n; i < n; i++) {
                const struct rule share = r->items[i];

                if (hide_in_share(p, r, &share, real, origin, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Most shares have nothing to do with a home: the kernel is not asked about what is in it then. */
static bool may_be_shown(const struct plan *p, const struct rules *r,
                         const struct plan_hidden *hidden)
{
        for (size_t i = 0; i < r->n; i++) {
                const struct rule *rule = &r->items[i];

                if (is_elsewhere(p, rule) && (path_is_in(rule->source.path, hidden->home) ||
                                              path_is_in(hidden->home, rule->source.path)))
                        return true;
        }
        return false;
}

static int hide_elsewhere(const struct plan *p, struct rules *r, struct err *e)
{
        for (size_t i = 0; i < p->files.n_hidden; i++) {
                const struct plan_hidden *hidden = &p->files.hidden[i];
                struct source at = { .fd = -1 };

                if (!may_be_shown(p, r, hidden))
                        continue;
                if (resolve_source(r->arena, hidden->host_path, &at, e) < 0) {
                        /* out of the user's reach is out of the sandbox's, too */
                        if (e->code != ENOENT && e->code != ENOTDIR && e->code != EACCES)
                                return err_prefix(e, "%s", hidden->origin);
                        *e = (struct err){ .step = e->step };
                        continue;
                }
                fd_close(&at.fd);
                if (rules_hide_elsewhere(p, r, at.path, hidden->origin, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int add_patterns(const struct plan *p, struct rules *r, struct tree *t, struct err *e)
{
        if (p->files.n_patterns == 0)
                return 0;
        return rules_add_patterns(p, r, t, e) < 0 ? -e->code : drop_overruled(r, e);
}

int rules_resolve(const struct plan *p, struct tree *t, struct rules *ret, struct err *e)
{
        struct rules r = { .arena = &t->arena };

        if (resolve_all(p, &r, e) < 0 || add_patterns(p, &r, t, e) < 0 ||
            hide_elsewhere(p, &r, e) < 0) {
                rules_done(&r);
                return -e->code;
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
        const struct rule wanted = { .box_path = box_path };
        size_t first = 0;
        size_t end = r->n;

        /* they are in order: what lies in it stands right behind it */
        while (first < end) {
                size_t middle = first + (end - first) / 2;

                if (compare_paths(&r->items[middle], &wanted) <= 0)
                        first = middle + 1;
                else
                        end = middle;
        }
        return first < r->n && path_is_in(r->items[first].box_path, box_path);
}
