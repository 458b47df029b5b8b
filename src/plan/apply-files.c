#include "apply.h"

#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/* The settings of [files] and the options that bring something into the root or take it away. */

static bool is_home_path(const char *path)
{
        return path[0] == '~' && (path[1] == '\0' || path[1] == '/');
}

/* "." and "..", alone or at the start: what is meant is plainly the current directory. */
static bool is_dotted(const char *path)
{
        path += strspn(path, ".") <= 2 ? strspn(path, ".") : 0;
        return path[0] == '\0' || path[0] == '/';
}

static const char *expand_home(struct assembly *a, const char *path, const char *home,
                               struct err *e)
{
        const char *rest = path + 1 + strspn(path + 1, "/");

        if (!home) {
                err_set(e, ENOENT, "'%s': your home directory is not known", path);
                err_hint(e, "set HOME to it");
                return NULL;
        }
        return path_clean(&a->plan->arena, home, rest[0] ? rest : ".", e);
}

int apply_expand(struct assembly *a, const struct setting *s, const char *path, const char **ret,
                 struct err *e)
{
        const char *clean;

        if (path[0] == '\0')
                return err_set(e, EINVAL, "an empty path");
        if (apply_is_pattern(s)) {
                err_set(e, EINVAL, "'%s' is a pattern, where one path is meant", s->value);
                return err_hint(e, "readable, hidden and protected take patterns");
        }
        if (!s->is_option && !s->is_quoted && apply_expand_variable(a, path, &path, e) < 0)
                return -e->code;
        if (is_home_path(path)) {
                clean = expand_home(a, path, a->facts->home, e);
        } else if (path[0] == '/') {
                clean = path_clean(&a->plan->arena, "/", path, e);
        } else if (!s->is_option && !is_dotted(path)) {
                err_set(e, EINVAL, "'%s' is not an absolute path", path);
                return err_hint(
                        e,
                        "write /..., ~/... or ./..., in double quotes if there is a blank in it");
        } else if (!s->dir && !a->facts->cwd) {
                return err_set(e, ENOENT, "'%s': the current directory is gone", path);
        } else {
                clean = path_clean(&a->plan->arena, s->dir ? s->dir : a->facts->cwd, path, e);
        }
        if (!clean)
                return -e->code;
        *ret = clean;
        return 0;
}

int apply_add_rule(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                   const char *host_path, const char *box_path, struct err *e)
{
        struct plan_files *files = &a->plan->files;

        if (arena_grow(&a->plan->arena, &files->rules, files->n_rules, sizeof(*files->rules),
                       PLAN_MAX_RULES, "file rules", e) < 0)
                return -e->code;
        files->rules[files->n_rules++] = (struct plan_rule){
                .kind = kind,
                .host_path = host_path,
                .box_path = box_path,
                .if_exists = s->if_exists,
                .origin = s->origin,
        };
        return 0;
}

/* A path of the sandbox: in a host view the same words as on the host, in an image absolute. */
static int expand_box_path(struct assembly *a, const struct setting *s, const char *path,
                           const char **ret, struct err *e)
{
        if (a->plan->root == PLAN_ROOT_IMAGE && path[0] != '/') {
                err_set(e, EINVAL, "'%s' is not an absolute path", path);
                return err_hint(e, "a path inside an image starts with /");
        }
        return apply_expand(a, s, path, ret, e);
}

static int add_same_path(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                         struct err *e)
{
        const char *path;

        if (apply_expand(a, s, s->value, &path, e) < 0)
                return -e->code;
        return apply_add_rule(a, s, kind, path, path, e);
}

/* A policy's own wish for the current directory is judged when all rules are known. */
static bool take_cwd(struct assembly *a, const struct setting *s, bool is_readable)
{
        if (s->is_option || !str_eq(s->value, "."))
                return false;
        a->cwd_origin = s->origin;
        a->cwd_is_readable = is_readable;
        return true;
}

int apply_readable(struct assembly *a, const struct setting *s, struct err *e)
{
        if (take_cwd(a, s, true))
                return 0;
        if (apply_is_pattern(s))
                return apply_pattern(a, s, PLAN_RULE_READABLE, e);
        return add_same_path(a, s, PLAN_RULE_READABLE, e);
}

int apply_writable(struct assembly *a, const struct setting *s, struct err *e)
{
        if (take_cwd(a, s, false))
                return 0;
        return add_same_path(a, s, PLAN_RULE_WRITABLE, e);
}

/* Whether a rule of one of the two kinds is about a directory that `path` is in. */
static bool lies_in(const struct plan_files *files, const char *path, enum plan_rule_kind one,
                    enum plan_rule_kind other)
{
        for (size_t i = 0; i < files->n_rules; i++) {
                const struct plan_rule *rule = &files->rules[i];

                if ((rule->kind == one || rule->kind == other) && path_is_in(path, rule->box_path))
                        return true;
        }
        return false;
}

static bool is_shown(const struct plan_files *files, const char *path)
{
        return lies_in(files, path, PLAN_RULE_READABLE, PLAN_RULE_WRITABLE);
}

static bool is_replaced(const struct plan_files *files, const char *path)
{
        return lies_in(files, path, PLAN_RULE_EMPTY, PLAN_RULE_TEMPORARY);
}

static bool is_by_link(struct assembly *a, const char *path)
{
        return a->facts->has_link && a->facts->has_link(&a->seen, path);
}

/*
 * Whether there is nothing at `path` to hide, because it lies in an empty directory of ours.  Most
 * runs show nothing of the home but the current directory, which a symlink may lead into.
 */
static bool is_nothing_there(struct assembly *a, const struct setting *s, const char *path)
{
        const char *cwd = a->facts->cwd;

        if (!s->if_exists || a->shows_more || !is_replaced(&a->plan->files, path))
                return false;
        if (cwd && (path_is_in(cwd, path) || path_is_in(path, cwd) || is_by_link(a, path)))
                return false;
        return !is_shown(&a->plan->files, path);
}

int apply_hide_host_path(struct assembly *a, const struct setting *s, const char *path,
                         const char *home, struct err *e)
{
        struct plan_files *files = &a->plan->files;

        if (a->shows_more) {
                if (arena_grow(&a->plan->arena, &files->hidden, files->n_hidden,
                               sizeof(*files->hidden), PLAN_MAX_RULES, "hidden paths", e) < 0)
                        return -e->code;
                files->hidden[files->n_hidden++] = (struct plan_hidden){ .host_path = path,
                                                                         .home = home,
                                                                         .origin = s->origin };
        }
        if (a->plan->root == PLAN_ROOT_IMAGE || is_nothing_there(a, s, path))
                return 0;
        return apply_add_rule(a, s, PLAN_RULE_HIDDEN, NULL, path, e);
}

/* HOME can say what it likes: keys lie in the account's own home, too. */
static int hide_in_homes(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *const homes[] = { a->facts->home, a->facts->account_home };

        for (size_t i = 0; i < 2; i++) {
                if (!homes[i] || (i > 0 && homes[0] && str_eq(homes[i], homes[0])))
                        continue;
                const char *path = expand_home(a, s->value, homes[i], e);
                if (!path || apply_hide_host_path(a, s, path, homes[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

int apply_hidden(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *path;

        if (apply_is_pattern(s))
                return apply_pattern(a, s, PLAN_RULE_HIDDEN, e);
        /* a path of an image has no home of this host in it: such a one is a host path */
        if (!s->is_option && is_home_path(s->value) && (a->facts->home || a->facts->account_home))
                return hide_in_homes(a, s, e);
        if (!s->is_option &&
            ((s->value[0] == '$' && !s->is_quoted) || (s->dir && is_dotted(s->value))))
                return apply_expand(a, s, s->value, &path, e) < 0
                               ? -e->code
                               : apply_hide_host_path(a, s, path, "/", e);
        if (expand_box_path(a, s, s->value, &path, e) < 0)
                return -e->code;
        if (a->plan->root == PLAN_ROOT_IMAGE)
                return apply_add_rule(a, s, PLAN_RULE_HIDDEN, NULL, path, e);
        return apply_hide_host_path(a, s, path, "/", e);
}

/* A relative path counts from each writable directory and stays as it is, but clean. */
int apply_protected(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *path;

        if (apply_is_pattern(s))
                return apply_pattern(a, s, PLAN_RULE_PROTECTED, e);
        if (s->value[0] == '/' || (s->value[0] == '$' && !s->is_quoted) || is_home_path(s->value) ||
            is_dotted(s->value)) {
                if (apply_expand(a, s, s->value, &path, e) < 0)
                        return -e->code;
                return apply_add_rule(a, s, PLAN_RULE_PROTECTED, NULL, path, e);
        }
        path = path_clean(&a->plan->arena, "/", s->value, e);
        if (!path)
                return -e->code;
        if (strstr(s->value, "..") && !str_eq(path + 1, s->value))
                return err_set(e, EINVAL, "'%s' leads out of the writable directory", s->value);
        return apply_add_rule(a, s, PLAN_RULE_PROTECTED, NULL, path + 1, e);
}

static int apply_tmpfs_option(struct plan_rule *rule, char *text, struct err *e)
{
        char *value = text;
        const char *name = str_next_field(&value, '=');

        if (str_eq(name, "size") && value) {
                if (parse_size(value, &rule->size, e) < 0)
                        return -e->code;
                if (rule->size == 0)
                        return err_set(e, EINVAL, "size '%s' leaves no room", value);
                return 0;
        }
        if (str_eq(name, "mode") && value)
                return parse_mode(value, &rule->mode, e);
        err_set(e, EINVAL, "unknown tmpfs option '%s'", text);
        return err_hint(e, "size=SIZE and mode=OCTAL are known");
}

/* DST[:size=SIZE,mode=OCTAL] */
int apply_temporary(struct assembly *a, const struct setting *s, struct err *e)
{
        char *options = arena_copy(&a->plan->arena, s->value, e);
        struct plan_rule rule = { 0 };
        const char *path;

        if (!options)
                return -e->code;
        const char *target = str_next_field(&options, ':');
        if (expand_box_path(a, s, target, &path, e) < 0)
                return -e->code;
        for (char *word; (word = str_next_field(&options, ',')) != NULL;) {
                if (apply_tmpfs_option(&rule, word, e) < 0)
                        return -e->code;
        }
        if (apply_add_rule(a, s, PLAN_RULE_TEMPORARY, NULL, path, e) < 0)
                return -e->code;
        struct plan_rule *added = &a->plan->files.rules[a->plan->files.n_rules - 1];
        added->size = rule.size;
        added->mode = rule.mode;
        return 0;
}

#define MAX_CACHE_NAME 64

/* It becomes a directory of the host, and a word of messages. */
static bool is_cache_name(const char *name)
{
        size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return len > 0 && len <= MAX_CACHE_NAME && name[len] == '\0' && name[0] != '-';
}

/*
 * NAME[:PLACE].  Where nothing is said it lies in /run, which is kelp's own in a view of this host,
 * and there, or can be made, in an image.
 */
int apply_cache(struct assembly *a, const struct setting *s, struct err *e)
{
        struct plan_files *files = &a->plan->files;
        struct arena *arena = &a->plan->arena;
        char *place = arena_copy(arena, s->value, e);
        const char *box_path;

        if (!place)
                return -e->code;
        const char *name = str_next_field(&place, ':');
        if (!is_cache_name(name)) {
                err_set(e, EINVAL, "'%.80s' is not the name of a cache", name);
                return err_hint(e, "a name has at most %d of a-z, 0-9 and -", MAX_CACHE_NAME);
        }
        if (!files->cache_home) {
                err_set(e, ENOENT, "there is no place for the cache '%s'", name);
                return err_hint(e, "set HOME or XDG_CACHE_HOME");
        }
        const char *below = arena_print(arena, e, "kelp/caches/%s", name);
        const char *host_path = below ? path_join(arena, files->cache_home, below, e) : NULL;
        if (!host_path)
                return -e->code;
        if (!place)
                place = arena_print(arena, e, "/run/kelp/cache/%s", name);
        if (!place || expand_box_path(a, s, place, &box_path, e) < 0 ||
            apply_add_rule(a, s, PLAN_RULE_WRITABLE, host_path, box_path, e) < 0)
                return -e->code;
        files->rules[files->n_rules - 1].cache = name;
        return 0;
}

int apply_empty(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *path;

        if (expand_box_path(a, s, s->value, &path, e) < 0)
                return -e->code;
        return apply_add_rule(a, s, PLAN_RULE_EMPTY, NULL, path, e);
}

static bool is_temporary(const struct plan_files *files, const char *path)
{
        for (size_t i = 0; i < files->n_rules; i++) {
                if (files->rules[i].kind == PLAN_RULE_TEMPORARY &&
                    path_is_in(path, files->rules[i].box_path))
                        return true;
        }
        return false;
}

static int cover_home(struct assembly *a, const struct setting *s, const char *home, struct err *e)
{
        /* a directory of a file system that is writable and thrown away is one itself */
        if (!home || str_eq(home, "/") || is_temporary(&a->plan->files, home))
                return 0;
        if (apply_add_rule(a, s, PLAN_RULE_TEMPORARY, NULL, home, e) < 0)
                return -e->code;
        a->plan->files.rules[a->plan->files.n_rules - 1].mode = 0755;
        return 0;
}

/*
 * empty: private, wherever it lies (/srv/home/ann), and writable, because caches and settings that
 * cannot be written make most tools fail; what is in it is gone after the run.
 * readable: as it is on the host.
 */
int apply_home(struct assembly *a, const struct setting *s, struct err *e)
{
        const char *home = a->facts->home;

        if (!str_eq(s->value, "empty") && !str_eq(s->value, "readable"))
                return err_set(e, EINVAL, "'%s' is neither empty nor readable", s->value);
        if (str_eq(s->value, "readable") && home && !str_eq(home, "/"))
                return apply_add_rule(a, s, PLAN_RULE_READABLE, home, home, e);
        if (cover_home(a, s, home, e) < 0)
                return -e->code;
        /* HOME can say what it likes: what there is to protect is the account's own */
        return cover_home(a, s, a->facts->account_home, e);
}

static int volume_kind(const char *text, enum plan_rule_kind *ret, struct err *e)
{
        *ret = PLAN_RULE_WRITABLE;
        if (!text || str_eq(text, "rw"))
                return 0;
        if (str_eq(text, "ro")) {
                *ret = PLAN_RULE_READABLE;
                return 0;
        }
        err_set(e, EINVAL, "unknown volume option '%s'", text);
        return err_hint(e, "ro and rw are known");
}

static int bad_volume(const char *value, struct err *e)
{
        err_set(e, EINVAL, "'%s' is not SRC:DST or SRC:DST:ro", value);
        if (value[0] == '\0' || strchr(value, ':'))
                return err_hint(e, "like ./data:/data or ./data:/data:ro");
        return err_hint(e, "at the same place: --writable %s or --readable %s", value, value);
}

/* SRC:DST[:ro|rw] */
int apply_volume(struct assembly *a, const struct setting *s, struct err *e)
{
        char *at = arena_copy(&a->plan->arena, s->value, e);
        enum plan_rule_kind kind;
        const char *host_path;
        const char *box_path;

        if (!at)
                return -e->code;
        const char *source = str_next_field(&at, ':');
        const char *target = str_next_field(&at, ':');
        const char *mode = str_next_field(&at, ':');

        if (!target || at || source[0] == '\0' || target[0] == '\0')
                return bad_volume(s->value, e);
        if (!strchr(source, '/') && !is_dotted(source) && !is_home_path(source)) {
                err_set(e, EINVAL, "named volume '%s': there are no named volumes", source);
                return err_hint(e, "for the directory of that name write ./%s", source);
        }
        if (volume_kind(mode, &kind, e) < 0 || apply_expand(a, s, source, &host_path, e) < 0)
                return -e->code;
        if (target[0] != '/') {
                err_set(e, EINVAL, "'%s' is not an absolute path", target);
                return err_hint(e, "a place inside starts with /: %s:/%s", source, target);
        }
        if (expand_box_path(a, s, target, &box_path, e) < 0)
                return -e->code;
        return apply_add_rule(a, s, kind, host_path, box_path, e);
}

/* HOST[:BOX][:rwm]; what a device lets one do is decided by its own file mode. */
int apply_device(struct assembly *a, const struct setting *s, struct err *e)
{
        char *at = arena_copy(&a->plan->arena, s->value, e);
        const char *host_path;
        const char *box_path;

        if (!at)
                return -e->code;
        const char *source = str_next_field(&at, ':');
        const char *target = str_next_field(&at, ':');
        const char *rights = str_next_field(&at, ':');

        if (at)
                return err_set(e, EINVAL, "'%s' is not HOST, HOST:BOX or HOST:BOX:rw", s->value);
        if (target && target[0] != '/' && !rights) {
                rights = target;
                target = NULL;
        }
        if (rights && !str_eq(rights, "rw") && !str_eq(rights, "rwm")) {
                err_set(e, EINVAL, "device rights '%s' cannot be enforced", rights);
                return err_hint(e, "only rw is possible: the mode of the device's file decides");
        }
        if (source[0] != '/' || (target && target[0] != '/')) {
                err_set(e, EINVAL, "'%s' is not an absolute path",
                        source[0] != '/' ? source : target);
                return err_hint(e, "devices lie in /dev, like /dev/fuse");
        }
        if (apply_expand(a, s, source, &host_path, e) < 0 ||
            apply_expand(a, s, target ? target : source, &box_path, e) < 0)
                return -e->code;
        return apply_add_rule(a, s, PLAN_RULE_DEVICE, host_path, box_path, e);
}

int apply_socket(struct assembly *a, const struct setting *s, struct err *e)
{
        return add_same_path(a, s, PLAN_RULE_SOCKET, e);
}

int apply_read_only(struct assembly *a, const struct setting *s, struct err *e)
{
        (void)s;
        (void)e;
        a->plan->files.is_read_only = true;
        return 0;
}
