#include "apply.h"

#include "glob.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/*
 * What a policy writes in the place of a path that it cannot know: a variable at its start, and
 * patterns.  The shell does the same for options, and there a name is taken as it stands.
 */

struct variable {
        const char *name;
        const char *below_home; /* where it is when it is not set; NULL: nowhere */
};

/* As the XDG Base Directory Specification has them. */
static const struct variable variables[] = {
        { "HOME", "" },
        { "XDG_CONFIG_HOME", ".config" },
        { "XDG_DATA_HOME", ".local/share" },
        { "XDG_CACHE_HOME", ".cache" },
        { "XDG_STATE_HOME", ".local/state" },
        { "XDG_RUNTIME_DIR", NULL },
};

#define N_VARIABLES (sizeof(variables) / sizeof(variables[0]))

static const char *get_env(const struct assembly *a, const char *name)
{
        size_t len = strlen(name);

        for (const char *const *item = a->facts->env; item && *item; item++) {
                if (strncmp(*item, name, len) == 0 && (*item)[len] == '=')
                        return *item + len + 1;
        }
        return NULL;
}

static const struct variable *find_variable(const char *name, size_t len)
{
        for (size_t i = 0; i < N_VARIABLES; i++) {
                if (strlen(variables[i].name) == len && strncmp(variables[i].name, name, len) == 0)
                        return &variables[i];
        }
        return NULL;
}

static int unknown_variable(const char *path, struct err *e)
{
        const char *known[N_VARIABLES + 1] = { NULL };
        char name[64];
        size_t len = strcspn(path + 1, "/");

        if (len >= sizeof(name))
                len = sizeof(name) - 1;
        memcpy(name, path + 1, len);
        name[len] = '\0';
        for (size_t i = 0; i < N_VARIABLES; i++)
                known[i] = variables[i].name;
        const char *near = str_nearest(name, known);
        err_set(e, EINVAL, "unknown variable '$%s'", name);
        return near ? err_hint(e, "did you mean '$%s'", near)
                    : err_hint(e, "$HOME, $XDG_CONFIG_HOME and the like are known, at the start of "
                                  "a path; one that is meant so stands in quotes");
}

/* An absolute value, or what stands for it; *ret is NULL for a place that is nowhere. */
static int find_value(struct assembly *a, const struct variable *v, const char **ret, struct err *e)
{
        const char *value = get_env(a, v->name);

        *ret = NULL;
        if (v->below_home && v->below_home[0] == '\0') {
                *ret = a->facts->home;
        } else if (value && value[0] == '/') {
                *ret = path_clean(&a->plan->arena, "/", value, e);
        } else if (v->below_home && a->facts->home) {
                *ret = path_join(&a->plan->arena, a->facts->home, v->below_home, e);
        }
        return e->code == 0 ? 0 : -e->code;
}

/*
 * `path` begins with a dollar sign; a colon ends it where options may follow.  *ret is NULL for a place
 * that is nowhere.
 */
static int expand(struct assembly *a, const char *path, const char **ret, struct err *e)
{
        size_t len = strcspn(path + 1, "/:");
        const struct variable *v = find_variable(path + 1, len);
        const char *value;

        *ret = NULL;
        if (!v)
                return unknown_variable(path, e);
        if (strchr(path + 1, '$'))
                return unknown_variable(strchr(path + 1, '$'), e);
        if (find_value(a, v, &value, e) < 0)
                return -e->code;
        if (!value)
                return 0;
        *ret = arena_print(&a->plan->arena, e, "%s%s", str_eq(value, "/") ? "" : value,
                           path + 1 + len);
        return *ret ? 0 : -e->code;
}

int apply_expand_variable(struct assembly *a, const char *path, const char **ret, struct err *e)
{
        *ret = path;
        if (!strchr(path, '$'))
                return 0;
        if (path[0] != '$')
                return unknown_variable(strchr(path, '$'), e);
        if (expand(a, path, ret, e) < 0)
                return -e->code;
        if (*ret)
                return 0;
        err_set(e, ENOENT, "'%s': that variable is not set", path);
        return err_hint(e, "with a '-' in front, a path that is not there is left out");
}

bool apply_is_nowhere(struct assembly *a, const struct setting *s)
{
        struct err unused = { 0 };
        const char *expanded;

        if (s->value[0] == '~')
                return !a->facts->home && !a->facts->account_home;
        return s->value[0] == '$' && !s->is_quoted &&
               expand(a, s->value, &expanded, &unused) == 0 && !expanded;
}

bool apply_is_pattern(const struct setting *s)
{
        return !s->is_option && !s->is_quoted && glob_is_pattern(s->value);
}

static int add(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
               const char *pattern, struct err *e)
{
        struct plan_files *files = &a->plan->files;

        if (arena_grow(&a->plan->arena, &files->patterns, files->n_patterns,
                       sizeof(*files->patterns), PLAN_MAX_RULES, "patterns", e) < 0)
                return -e->code;
        files->patterns[files->n_patterns++] = (struct plan_pattern){ .kind = kind,
                                                                      .text = pattern,
                                                                      .n_before = files->n_rules,
                                                                      .if_exists = s->if_exists,
                                                                      .origin = s->origin };
        return 0;
}

/* `path` is absolute, or relative and counts from each share. */
static int add_pattern(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                       const char *path, struct err *e)
{
        bool is_absolute = path[0] == '/';
        const char *clean = path_clean(&a->plan->arena, "/", path, e);
        struct glob unused;

        if (!clean)
                return -e->code;
        if (strstr(path, "..") && !str_eq(clean + !is_absolute, path)) {
                err_set(e, EINVAL, "'%s': a pattern has no '..' in it", s->value);
                return err_hint(e, "write where it leads");
        }
        if (is_absolute && glob_base_len(clean) == 0) {
                err_set(e, EINVAL, "'%s' looks through the whole host", s->value);
                return err_hint(e, "write the first directory out");
        }
        if (glob_parse(&a->plan->arena, clean + (is_absolute ? glob_base_len(clean) : 0), &unused,
                       e) < 0)
                return err_prefix(e, "'%s'", s->value);
        return add(a, s, kind, clean + !is_absolute, e);
}

static int add_in_home(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                       const char *home, struct err *e)
{
        const char *path = arena_print(&a->plan->arena, e, "%s%s", home, s->value + 1);

        return path ? add_pattern(a, s, kind, path, e) : -e->code;
}

/* HOME can say what it likes: keys lie in the account's own home, too. */
static int add_in_homes(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                        struct err *e)
{
        const char *home = a->facts->home;
        const char *other = a->facts->account_home;

        if (!home && (!other || kind != PLAN_RULE_HIDDEN))
                return err_set(e, ENOENT, "'%s': your home directory is not known", s->value);
        if (home && add_in_home(a, s, kind, home, e) < 0)
                return -e->code;
        if (kind != PLAN_RULE_HIDDEN || !other || (home && str_eq(home, other)))
                return 0;
        return add_in_home(a, s, kind, other, e);
}

int apply_pattern(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                  struct err *e)
{
        const char *path;

        if (apply_expand_variable(a, s->value, &path, e) < 0)
                return -e->code;
        if (path[0] == '~' && path[1] == '/')
                return add_in_homes(a, s, kind, e);
        if (path[0] == '.' && path[1] == '/') {
                const char *dir = s->dir ? s->dir : a->facts->cwd;

                if (!dir)
                        return err_set(e, ENOENT, "'%s': the current directory is gone", path);
                path = arena_print(&a->plan->arena, e, "%s/%s", dir, path + 2);
                return path ? add_pattern(a, s, kind, path, e) : -e->code;
        }
        if (path[0] != '/' && kind == PLAN_RULE_READABLE) {
                err_set(e, EINVAL, "'%s' is not an absolute path", path);
                return err_hint(
                        e,
                        "write /..., ~/... or ./..., in double quotes if there is a blank in it");
        }
        if (path[0] == '/' && path == s->value && a->plan->root == PLAN_ROOT_IMAGE &&
            kind != PLAN_RULE_READABLE) {
                err_set(e, EINVAL, "'%s': an image cannot be looked through for a pattern", path);
                return err_hint(e, "name the paths of the image, or the host's with ~/...");
        }
        return add_pattern(a, s, kind, path, e);
}
