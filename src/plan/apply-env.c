#include "apply.h"

#include "parse.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/* The environment: what is asked for is kept in lists, which env_finish() puts together. */

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The value of `name` in the outer environment as "NAME=VALUE", or NULL. */
static const char *find_outer(const struct assembly *a, const char *name, size_t len)
{
        const char *const *env = a->facts->env;

        for (; env && *env; env++) {
                if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
                        return *env;
        }
        return NULL;
}

/* NAME=VALUE, or NAME: the outer value; a name that is not set outside is unset inside too. */
int apply_env(struct assembly *a, const struct setting *s, struct err *e)
{
        size_t len = strcspn(s->value, "=");
        const char *item = s->value;

        if (len == 0) {
                err_set(e, EINVAL, "'%s' is not NAME or NAME=VALUE", s->value);
                return err_hint(e, "NAME=VALUE sets it, NAME passes your own value on");
        }
        if (s->value[len] == '\0') {
                const char *outer = find_outer(a, s->value, len);

                item = outer ? outer : s->value;
        }
        return assembly_add(a, &a->given, PLAN_MAX_ENV, "variables", item, e);
}

static int add_file_line(struct assembly *a, char *line, struct err *e)
{
        size_t end = strlen(line);
        size_t len = strcspn(line, "=");
        struct setting s = { .value = line, .is_option = true };

        if (end > 0 && line[end - 1] == '\r')
                line[end - 1] = '\0';
        if (line[0] == '\0' || line[0] == '#')
                return 0;
        if (len == 0 || strcspn(line, " \t") < len)
                return err_set(e, EINVAL, "'%.80s' is not NAME or NAME=VALUE", line);
        return apply_env(a, &s, e);
}

/*
 * As docker's: no quotes, no expansion, '#' starts a comment at the start of a line only.  A value
 * may be as long as the kernel takes it.
 */
int apply_env_file(struct assembly *a, const struct setting *s, struct err *e)
{
        size_t number = 1;

        if (!s->text)
                return err_set(e, EINVAL, "'%s' was not read", s->value);
        for (const char *at = s->text; *at; number++) {
                size_t len = strcspn(at, "\n");
                size_t blank = strspn(at, " \t");
                char *line =
                        arena_copy_n(&a->plan->arena, at + blank, blank < len ? len - blank : 0, e);

                at += len + (at[len] == '\n');
                if (!line)
                        return -e->code;
                if (add_file_line(a, line, e) < 0)
                        return err_prefix(e, "%s:%zu", s->value, number);
        }
        return 0;
}

/* NAME, or PREFIX* */
int apply_env_pass(struct assembly *a, const struct setting *s, struct err *e)
{
        size_t len = strcspn(s->value, "=*");

        if (len == 0 || s->value[len] == '=' || (s->value[len] == '*' && s->value[len + 1]))
                return err_set(e, EINVAL, "'%s' is not NAME or PREFIX*", s->value);
        if (s->value[0] == '$') {
                err_set(e, EINVAL, "'%s' is not NAME or PREFIX*", s->value);
                return err_hint(e, "write the name alone, without the '$'");
        }
        return assembly_add(a, &a->pass, PLAN_MAX_ENV, "variables to pass", s->value, e);
}

static bool has_variable(const char *value)
{
        for (const char *at = strchr(value, '$'); at; at = strchr(at + 1, '$')) {
                if (at[1] == '{' || at[1] == '_' || (at[1] >= 'A' && at[1] <= 'Z') ||
                    (at[1] >= 'a' && at[1] <= 'z'))
                        return true;
        }
        return false;
}

int apply_env_set(struct assembly *a, const struct setting *s, struct err *e)
{
        if (s->value[0] == '=' || !strchr(s->value, '='))
                return err_set(e, EINVAL, "'%s' is not NAME=VALUE", s->value);
        if (!s->is_quoted && has_variable(s->value)) {
                err_set(e, EINVAL, "'%s': no variable is filled in there", s->value);
                return err_hint(
                        e, "write what it stands for; a '$' that is meant so stands in quotes");
        }
        return assembly_add(a, &a->set, PLAN_MAX_ENV, "variables to set", s->value, e);
}

/* FNV-1a */
static uint32_t hash_name(const char *name, size_t len)
{
        uint32_t hash = 2166136261u;

        for (size_t i = 0; i < len; i++)
                hash = (hash ^ (unsigned char)name[i]) * 16777619u;
        return hash;
}

/* Names are compared where their hashes are the same alone: a policy may have thousands of them. */
static size_t find_name(const struct assembly *a, const char *name, size_t len, uint32_t hash)
{
        const struct plan_exec *exec = &a->plan->exec;
        size_t i = 0;

        while (i < exec->n_env &&
               (a->env_hashes[i] != hash || strncmp(exec->env[i], name, len) != 0 ||
                exec->env[i][len] != '='))
                i++;
        return i;
}

static int grow(struct assembly *a, struct err *e)
{
        struct plan_exec *exec = &a->plan->exec;

        if (arena_grow(&a->plan->arena, &exec->env, exec->n_env, sizeof(*exec->env), PLAN_MAX_ENV,
                       "variables", e) < 0 ||
            arena_grow(&a->plan->arena, &a->env_hashes, exec->n_env, sizeof(*a->env_hashes),
                       PLAN_MAX_ENV, "variables", e) < 0)
                return -e->code;
        exec->n_env++;
        return 0;
}

/* "NAME=VALUE" takes the place of an earlier one; "NAME" takes it away.  Not copied. */
static int put(struct assembly *a, const char *item, struct err *e)
{
        struct plan_exec *exec = &a->plan->exec;
        size_t len = strcspn(item, "=");
        uint32_t hash = hash_name(item, len);
        size_t i = find_name(a, item, len, hash);

        if (item[len] == '\0') {
                if (i < exec->n_env) {
                        exec->env[i] = exec->env[--exec->n_env];
                        a->env_hashes[i] = a->env_hashes[exec->n_env];
                }
                return 0;
        }
        if (i == exec->n_env && grow(a, e) < 0)
                return -e->code;
        exec->env[i] = item;
        a->env_hashes[i] = hash;
        return 0;
}

static int put_list(struct assembly *a, const struct text_list *list, struct err *e)
{
        for (size_t i = 0; i < list->n; i++) {
                if (put(a, list->items[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static int put_copy(struct assembly *a, const char *item, struct err *e)
{
        const char *copy = arena_copy(&a->plan->arena, item, e);

        return copy ? put(a, copy, e) : -e->code;
}

/* Whether `item` ("NAME=VALUE") is one of those that `pattern` names. */
static bool is_passed(const char *pattern, const char *item)
{
        size_t len = strcspn(pattern, "*");

        if (strncmp(item, pattern, len) != 0)
                return false;
        return pattern[len] == '*' ? strchr(item, '=') != NULL : item[len] == '=';
}

static int put_passed(struct assembly *a, const char *pattern, struct err *e)
{
        const char *const *env = a->facts->env;

        if (str_eq(pattern, "HOME") && a->facts->home) {
                const char *home = arena_print(&a->plan->arena, e, "HOME=%s", a->facts->home);

                return home ? put(a, home, e) : -e->code;
        }
        for (; env && *env; env++) {
                if (is_passed(pattern, *env) && put_copy(a, *env, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* A PATH that is missing or empty would be looked up in the current directory by some shells. */
static int put_default_path(struct assembly *a, struct err *e)
{
        struct plan_exec *exec = &a->plan->exec;

        for (size_t i = 0; i < exec->n_env; i++) {
                if (str_has_prefix(exec->env[i], "PATH=") && exec->env[i][5])
                        return 0;
        }
        return put(a, DEFAULT_PATH, e);
}

int env_finish(struct assembly *a, struct err *e)
{
        struct plan_exec *exec = &a->plan->exec;

        if (put_list(a, &a->image_env, e) < 0)
                return -e->code;
        for (size_t i = 0; i < a->pass.n; i++) {
                if (put_passed(a, a->pass.items[i], e) < 0)
                        return -e->code;
        }
        if (put_default_path(a, e) < 0 || put_list(a, &a->set, e) < 0 ||
            put_list(a, &a->given, e) < 0)
                return -e->code;
        if (arena_grow(&a->plan->arena, &exec->env, exec->n_env, sizeof(*exec->env),
                       PLAN_MAX_ENV + 1, "variables", e) < 0)
                return -e->code;
        exec->env[exec->n_env] = NULL;
        return 0;
}
