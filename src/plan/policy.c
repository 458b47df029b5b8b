#include "policy.h"

#include "lines.h"
#include "str.h"

#include <errno.h>
#include <string.h>

enum key_kind {
        KEY_TEXT,  /* all of the line */
        KEY_WORD,  /* one word, once a file */
        KEY_WORDS, /* a list */
        KEY_PATHS, /* a list of paths, which may have '-' in front */
        KEY_LATER, /* of a later version */
};

struct key {
        char section[14];
        char name[14];
        unsigned char kind;
        int (*apply)(struct assembly *a, const struct setting *s, struct err *e);
};

static const struct key keys[] = {
        { "policy", "description", KEY_TEXT, NULL },
        { "policy", "extends", KEY_WORD, NULL },
        { "files", "readable", KEY_PATHS, apply_readable },
        { "files", "writable", KEY_PATHS, apply_writable },
        { "files", "hidden", KEY_PATHS, apply_hidden },
        { "files", "protected", KEY_PATHS, apply_protected },
        { "files", "temporary", KEY_PATHS, apply_temporary },
        { "files", "empty", KEY_PATHS, apply_empty },
        { "files", "cache", KEY_WORDS, apply_cache },
        { "files", "home", KEY_WORD, apply_home },
        { "environment", "pass", KEY_WORDS, apply_env_pass },
        { "environment", "set", KEY_WORDS, apply_env_set },
        { "network", "mode", KEY_WORD, apply_network },
        { "network", "publish", KEY_WORDS, apply_publish },
        { "network", "allow", KEY_LATER, NULL },
        { "network", "deny", KEY_LATER, NULL },
        { "network", "host-port", KEY_LATER, NULL },
        { "syscalls", "default", KEY_WORD, apply_syscall_default },
        { "syscalls", "allow", KEY_WORDS, apply_syscall_allow },
        { "syscalls", "deny", KEY_WORDS, apply_syscall_deny },
        { "syscalls", "log", KEY_WORDS, apply_syscall_log },
        { "capabilities", "keep", KEY_WORDS, apply_keep_cap },
        { "limits", "open-files", KEY_WORD, apply_open_files },
        { "limits", "file-size", KEY_WORD, apply_file_size },
        { "limits", "time", KEY_WORD, apply_timeout },
        { "limits", "memory", KEY_LATER, NULL },
        { "limits", "cpus", KEY_LATER, NULL },
        { "limits", "processes", KEY_LATER, NULL },
        { "devices", "allow", KEY_PATHS, apply_device },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static const char syscalls[] = "syscalls";

struct reader {
        struct lines lines;
        const char *section; /* "": none that is known */
        bool is_builtin;
        bool skips_section;  /* a section that was not understood: its keys are not judged */
        size_t seen[N_KEYS]; /* the line of each key that may come once */
};

static int unknown(const char *what, const char *word, const char *const *known, struct err *e)
{
        const char *near = str_nearest(word, known);

        err_set(e, EINVAL, "unknown %s '%s'", what, word);
        return near ? err_hint(e, "did you mean '%s'", near) : -e->code;
}

static int enter_section(struct reader *r, char *line, struct err *e)
{
        const char *known[N_KEYS + 1];
        size_t n = 0;
        size_t len = strlen(line);

        r->section = "";
        r->skips_section = true;
        if (line[len - 1] != ']')
                return err_set(e, EINVAL, "'%s' is not a section", line);
        line[len - 1] = '\0';
        const char *name = str_trim(line + 1);
        for (size_t i = 0; i < N_KEYS; i++) {
                if (n == 0 || !str_eq(known[n - 1], keys[i].section))
                        known[n++] = keys[i].section;
        }
        known[n] = NULL;
        for (size_t i = 0; i < n; i++) {
                if (str_eq(known[i], name)) {
                        r->section = known[i];
                        r->skips_section = false;
                        return 0;
                }
        }
        return unknown("section", name, known, e);
}

static const struct key *find_key(const struct reader *r, const char *name, struct err *e)
{
        const char *known[N_KEYS + 1];
        size_t n = 0;

        for (size_t i = 0; i < N_KEYS; i++) {
                if (!str_eq(keys[i].section, r->section))
                        continue;
                if (str_eq(keys[i].name, name))
                        return &keys[i];
                known[n++] = keys[i].name;
        }
        known[n] = NULL;
        unknown("key", name, known, e);
        return NULL;
}

/* "sandbox.policy:12"; by hand, because there is one for each line of each run */
static const char *line_origin(struct assembly *a, const struct lines *l, struct err *e)
{
        size_t len = strlen(l->name);
        char digits[24];
        size_t n = 0;
        char *origin = arena_alloc(&a->plan->arena, len + sizeof(digits), e);

        if (!origin)
                return NULL;
        for (size_t rest = l->number; n == 0 || rest > 0; rest /= 10)
                digits[n++] = (char)('0' + rest % 10);
        memcpy(origin, l->name, len);
        origin[len++] = ':';
        while (n > 0)
                origin[len++] = digits[--n];
        return origin;
}

static int apply_words(struct reader *r, struct assembly *a, const struct key *key, char *value,
                       struct err *e)
{
        struct setting s = { .origin = line_origin(a, &r->lines, e) };
        size_t n = 0;
        char *word;
        int more;

        if (!s.origin)
                return -e->code;
        while ((more = lines_next_word(&value, &word, e)) > 0) {
                if (key->kind == KEY_WORD && n > 0)
                        return err_set(e, EINVAL, "'%s' takes one value", key->name);
                s.if_exists = key->kind == KEY_PATHS && word[0] == '-';
                s.value = s.if_exists ? word + 1 : word;
                n++;
                /* who has no home has nothing in it */
                if (s.if_exists && s.value[0] == '~' && !a->facts->home && !a->facts->account_home)
                        continue;
                if (key->apply(a, &s, e) < 0)
                        return err_prefix(e, "%s", key->name);
        }
        if (more < 0)
                return more;
        if (n == 0)
                return err_set(e, EINVAL, "'%s' has no value", key->name);
        return 0;
}

static int read_key(struct reader *r, struct assembly *a, char *line, struct err *e)
{
        char *value = strchr(line, '=');

        if (!value)
                return err_set(e, EINVAL, "'%s' is neither 'key = value' nor a [section]", line);
        if (r->section[0] == '\0')
                return err_set(e, EINVAL, "'%s' stands before the first [section]", line);
        *value++ = '\0';
        const struct key *key = find_key(r, str_trim(line), e);
        if (!key)
                return -e->code;
        value = str_trim(value);
        if (key->kind == KEY_LATER)
                return err_set(e, ENOTSUP, "'%s' is not yet supported", key->name);

        size_t *seen = &r->seen[key - keys];
        if (*seen > 0 && key->kind <= KEY_WORD)
                return err_set(e, EINVAL, "'%s' was given in line %zu already", key->name, *seen);
        *seen = r->lines.number;
        if (!key->apply)
                return value[0] ? 0 : err_set(e, EINVAL, "'%s' has no value", key->name);
        return apply_words(r, a, key, value, e);
}

static int read_line(struct reader *r, struct assembly *a, struct err *e)
{
        char *line = str_trim(r->lines.line);

        if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
                return 0;
        if (line[0] == '[')
                return enter_section(r, line, e);
        if (r->skips_section)
                return 0;
        /* compiled with kelp itself */
        if (r->is_builtin && str_eq(r->section, syscalls))
                return 0;
        return read_key(r, a, line, e);
}

int policy_apply(struct assembly *a, const char *text, const char *name, bool is_builtin,
                 struct plan_problems *problems)
{
        struct reader r;
        struct err e = { 0 };
        int more = 0;

        a->layer++;
        r.section = "";
        r.is_builtin = is_builtin;
        r.skips_section = false;
        memset(r.seen, 0, sizeof(r.seen));
        if (lines_start(&r.lines, text, name, &e) < 0) {
                plan_add_problem(problems, &e);
                return -e.code;
        }
        while ((more = lines_next(&r.lines, &e)) > 0) {
                if (read_line(&r, a, &e) < 0) {
                        lines_err(&r.lines, &e);
                        plan_add_problem(problems, &e);
                }
        }
        if (more < 0)
                plan_add_problem(problems, &e);
        return -e.code;
}

/* Looks for `extends` alone; everything else is judged when the text is applied. */
static int find_extends(const char *text, const char *name, struct lines *l, char **ret,
                        struct err *e)
{
        bool is_inside = false;
        int more;

        *ret = NULL;
        if (lines_start(l, text, name, e) < 0)
                return -e->code;
        while ((more = lines_next(l, e)) > 0) {
                char *line = str_trim(l->line);

                if (line[0] == '[')
                        is_inside = str_eq(line, "[policy]");
                if (!is_inside || !str_has_prefix(line, "extends"))
                        continue;
                char *value = strchr(line, '=');
                if (!value)
                        continue;
                *value++ = '\0';
                if (!str_eq(str_trim(line), "extends"))
                        continue;
                *ret = str_trim(value);
                return 0;
        }
        return more;
}

int policy_base(const char *text, const char *name, const char *fallback, const char **ret,
                struct err *e)
{
        struct lines l;
        char *base;

        if (find_extends(text, name, &l, &base, e) < 0)
                return -e->code;
        if (!base) {
                *ret = fallback;
                return 0;
        }
        for (size_t i = 0; policy_builtin_names[i]; i++) {
                if (str_eq(policy_builtin_names[i], base)) {
                        *ret = policy_builtin_names[i];
                        return 0;
                }
        }
        unknown("policy", base, policy_builtin_names, e);
        return lines_err(&l, e);
}
