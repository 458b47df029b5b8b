#include "apply.h"

#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/* The options of the process: who it is, where it starts, what it is called. */

int assembly_add(struct assembly *a, struct text_list *list, size_t limit, const char *what,
                 const char *item, struct err *e)
{
        const char *copy = arena_copy(&a->plan->arena, item, e);

        if (!copy || arena_grow(&a->plan->arena, &list->items, list->n, sizeof(*list->items), limit,
                                what, e) < 0)
                return -e->code;
        list->items[list->n++] = copy;
        return 0;
}

int apply_workdir(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *path;

        if (s->value[0] != '/' && a->plan->root == PLAN_ROOT_IMAGE)
                return err_set(e, EINVAL, "'%s' is not an absolute path", s->value);
        if (apply_expand(a, s, s->value, &path, e) < 0)
                return -e->code;
        a->plan->exec.workdir = path;
        return 0;
}

/* The highest id: (uid_t)-1 means "no change" to the kernel. */
#define MAX_ID 4294967294u

static bool is_number(const char *text)
{
        return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* What passwd(5) and group(5) can hold, so that no sign, space or hex number is taken for a name. */
bool apply_is_account_name(const char *text)
{
        static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
        static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                   "0123456789.-";
        size_t len = strlen(text);

        if (len == 0 || len > 32 || !strchr(first, text[0]))
                return false;
        size_t n = strspn(text, more);
        return n == len || (n + 1 == len && text[n] == '$');
}

/* An id, or a name that the root's own files explain. */
static int parse_account(const char *text, const char *what, const char **ret_name,
                         uint32_t *ret_id, struct err *e)
{
        uint64_t id;

        *ret_name = NULL;
        if (is_number(text)) {
                if (parse_number(text, 0, MAX_ID, &id, e) < 0)
                        return -e->code;
                *ret_id = (uint32_t)id;
                return 0;
        }
        if (!apply_is_account_name(text))
                return err_set(e, EINVAL, "'%s' is neither a number nor a name of a %s", text,
                               what);
        *ret_name = text;
        return 0;
}

/* UID[:GID] or NAME[:GROUP], strictly: a text that is not understood is never id 0. */
int apply_parse_user(const struct plan *p, struct arena *arena, const char *text,
                     struct plan_user *ret, struct err *e)
{
        char *group = arena_copy(arena, text, e);
        struct plan_user user = { 0 };

        if (!group)
                return -e->code;
        const char *name = str_next_field(&group, ':');
        if (parse_account(name, "user", &user.name, &user.uid, e) < 0)
                return -e->code;
        if (group) {
                if (parse_account(group, "group", &user.group, &user.gid, e) < 0)
                        return -e->code;
                user.has_gid = true;
        }
        /* in a view of this host there is one name that can be looked up without a file */
        if (user.name && !user.has_gid && p->root == PLAN_ROOT_HOST && p->ids.user_name &&
            str_eq(user.name, p->ids.user_name))
                user = (struct plan_user){ .uid = p->ids.base_uid,
                                           .gid = p->ids.base_gid,
                                           .has_gid = true };
        *ret = user;
        return 0;
}

int apply_user(struct assembly *a, const struct setting *s, struct err *e)
{
        return apply_parse_user(a->plan, &a->plan->arena, s->value, &a->plan->ids.user, e);
}

int apply_entrypoint(struct assembly *a, const struct setting *s, struct err *e)
{
        a->new_entrypoint = arena_copy(&a->plan->arena, s->value, e);
        return a->new_entrypoint ? 0 : -e->code;
}

int apply_tty(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->exec.force_tty = true;
        return 0;
}

static bool is_box_name(const char *name)
{
        static const char first[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "_.-";
        size_t len = strlen(name);

        return len > 0 && len <= 63 && strchr(first, name[0]) && strspn(name, more) == len;
}

/* Commands take either, and a name first: nobody's id may be somebody's name. */
static bool is_like_id(const char *name)
{
        return strlen(name) == 12 && strspn(name, STR_HEX_LOWER) == 12;
}

int apply_name(struct assembly *a, const struct setting *s, struct err *e)
{
        if (!is_box_name(s->value)) {
                err_set(e, EINVAL, "'%s' cannot be the name of a sandbox", s->value);
                return err_hint(e, "letters, digits, '_', '.' and '-', a letter or digit first, "
                                   "at most 63");
        }
        if (is_like_id(s->value)) {
                err_set(e, EINVAL, "'%s' reads as the id of a sandbox", s->value);
                return err_hint(e, "take a name that is not 12 digits of hex");
        }
        a->plan->name = arena_copy(&a->plan->arena, s->value, e);
        return a->plan->name ? 0 : -e->code;
}

int apply_keep(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->image.is_kept = true;
        return 0;
}

static int parse_fd(const char *text, int *ret, struct err *e)
{
        uint64_t fd;

        if (parse_number(text, 3, 1048575, &fd, e) < 0)
                return -e->code;
        *ret = (int)fd;
        return 0;
}

int apply_status_fd(struct assembly *a, const struct setting *s, struct err *e)
{
        return parse_fd(s->value, &a->plan->report.status_fd, e);
}

int apply_ready_fd(struct assembly *a, const struct setting *s, struct err *e)
{
        return parse_fd(s->value, &a->plan->report.ready_fd, e);
}

int apply_pid_file(struct assembly *a, const struct setting *s, struct err *e)
{
        size_t len = strlen(s->value);

        if (len == 0 || s->value[len - 1] == '/') {
                err_set(e, EINVAL, "'%s' is not the name of a file", s->value);
                return err_hint(e, "like --pidfile ~/app.pid");
        }
        return apply_expand(a, s, s->value, &a->plan->report.pid_file, e);
}

/* Kept in ascending order; the same one twice stays twice, for the check to find. */
int apply_keep_fd(struct assembly *a, const struct setting *s, struct err *e)
{
        struct plan_report *report = &a->plan->report;
        uint64_t fd;

        if (parse_number(s->value, 3, 1048575, &fd, e) < 0)
                return -e->code;
        if (arena_grow(&a->plan->arena, &report->keep_fds, report->n_keep_fds,
                       sizeof(*report->keep_fds), PLAN_MAX_FDS, "descriptors to keep", e) < 0)
                return -e->code;
        size_t at = report->n_keep_fds++;
        for (; at > 0 && report->keep_fds[at - 1] > (int)fd; at--)
                report->keep_fds[at] = report->keep_fds[at - 1];
        report->keep_fds[at] = (int)fd;
        return 0;
}

int apply_explain(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->report.explains = true;
        return 0;
}

int apply_dry_run(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->report.is_dry_run = true;
        return 0;
}

int apply_interactive(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->exec.keeps_input = true;
        return 0;
}

int apply_detach(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->report.is_detached = true;
        return 0;
}

int apply_rm(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->report.is_transient = true;
        return 0;
}

/* For what is read before there is a plan. */
int apply_nothing(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)a;
        (void)s;
        (void)e;
        return 0;
}
