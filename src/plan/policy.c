#include "policy.h"

#include "lines.h"
#include "str.h"
#include "word.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum key_kind {
        KEY_TEXT,  /* all of the line */
        KEY_WORD,  /* one word, once a file */
        KEY_LIST,  /* several words, once a file */
        KEY_WORDS, /* a list */
        KEY_PATHS, /* a list of paths, which may have '-' in front */
};

/* What the project's own file may say with a key: it lies where what is confined may write. */
enum tightening {
        LOOSENS,  /* nothing */
        NEUTRAL,  /* anything: it can only tighten, or changes nothing */
        COMPARED, /* what is no looser than what stood there before */
};

struct key {
        char section[14];
        char name[14];
        unsigned char kind;
        int (*apply)(struct assembly *a, const struct setting *s, struct err *e);
        unsigned char tightening; /* LOOSENS unless it says otherwise */
};

static const struct key keys[] = {
        { "policy", "description", KEY_TEXT, NULL, NEUTRAL },
        { "policy", "extends", KEY_LIST, NULL },
        { "files", "readable", KEY_PATHS, apply_readable },
        { "files", "writable", KEY_PATHS, apply_writable },
        { "files", "hidden", KEY_PATHS, apply_hidden, NEUTRAL },
        { "files", "protected", KEY_PATHS, apply_protected, NEUTRAL },
        { "files", "temporary", KEY_PATHS, apply_temporary },
        { "files", "empty", KEY_PATHS, apply_empty },
        { "files", "cache", KEY_WORDS, apply_cache },
        { "files", "socket", KEY_PATHS, apply_socket },
        { "files", "home", KEY_WORD, apply_home, COMPARED },
        { "environment", "pass", KEY_WORDS, apply_env_pass },
        { "environment", "set", KEY_WORDS, apply_env_set },
        { "network", "mode", KEY_WORD, apply_network, COMPARED },
        { "network", "publish", KEY_WORDS, apply_publish },
        { "network", "allow", KEY_WORDS, apply_allow },
        { "network", "deny", KEY_WORDS, apply_deny, NEUTRAL },
        { "network", "host-port", KEY_WORDS, apply_host_port },
        { "syscalls", "default", KEY_WORD, apply_syscall_default },
        { "syscalls", "allow", KEY_WORDS, apply_syscall_allow },
        { "syscalls", "deny", KEY_WORDS, apply_syscall_deny, NEUTRAL },
        { "syscalls", "log", KEY_WORDS, apply_syscall_log, NEUTRAL },
        { "capabilities", "keep", KEY_WORDS, apply_keep_cap },
        { "capabilities", "drop", KEY_WORDS, apply_drop_cap, NEUTRAL },
        { "limits", "open-files", KEY_WORD, apply_open_files, COMPARED },
        { "limits", "file-size", KEY_WORD, apply_file_size, COMPARED },
        { "limits", "time", KEY_WORD, apply_timeout, COMPARED },
        { "limits", "memory", KEY_WORD, apply_memory, COMPARED },
        { "limits", "cpus", KEY_WORD, apply_cpus, COMPARED },
        { "limits", "processes", KEY_WORD, apply_processes, COMPARED },
        { "devices", "allow", KEY_PATHS, apply_device },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static const char syscalls[] = "syscalls";

struct reader {
        struct lines lines;
        const struct policy_text *text;
        const char *section; /* "": none that is known */
        bool skips_section;  /* a section that was not understood: its keys are not judged */
        size_t seen[N_KEYS]; /* the line of each key that may come once */
};

static int enter_section(struct reader *r, char *line, struct err *e)
{
        const char *known[N_KEYS + 1];
        size_t n = 0;
        size_t len = strlen(line);

        r->section = "";
        r->skips_section = true;
        if (line[len - 1] != ']') {
                err_set(e, EINVAL, "'%s' is not a section", line);
                return err_hint(e, "a section is its name in brackets, alone in a line: [files]");
        }
        line[len - 1] = '\0';
        const char *name = str_trim(line + 1);
        for (size_t i = 0; i < N_KEYS; i++) {
                if (n == 0 || !str_eq(known[n - 1], keys[i].section))
                        known[n++] = keys[i].section;
                if (!str_eq(keys[i].section, name))
                        continue;
                r->section = keys[i].section;
                r->skips_section = false;
                return 0;
        }
        known[n] = NULL;
        return lines_unknown("section", name, known, e);
}

/* The first section that has a key of that name, or NULL, and how many have. */
static const char *section_of(const char *name, size_t *ret_n)
{
        const char *section = NULL;

        *ret_n = 0;
        for (size_t i = 0; i < N_KEYS; i++) {
                if (str_eq(keys[i].name, name) && ++*ret_n == 1)
                        section = keys[i].section;
        }
        return section;
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
        lines_unknown("key", name, known, e);
        const char *section = section_of(name, &n);
        if (n == 1)
                err_hint(e, "it stands below [%s]", section);
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

/* What a line may change, and a project's file only towards less. */
struct before {
        struct plan_limits limits;
        enum plan_network network;
        size_t n_rules;
};

static void note_before(const struct plan *p, struct before *ret)
{
        ret->limits = p->limits;
        ret->network = p->net.mode;
        ret->n_rules = p->files.n_rules;
}

static unsigned network_rank(enum plan_network mode)
{
        switch (mode) {
        case PLAN_NETWORK_NONE:
                return 0;
        case PLAN_NETWORK_FILTERED:
                return 1;
        case PLAN_NETWORK_USER:
                return 2;
        case PLAN_NETWORK_HOST:
                break;
        }
        return 3;
}

static bool is_looser(const struct before *old, const struct plan *now)
{
        if (network_rank(now->net.mode) > network_rank(old->network))
                return true;
        if (limits_are_looser(&old->limits, &now->limits))
                return true;
        for (size_t i = old->n_rules; i < now->files.n_rules; i++) {
                if (now->files.rules[i].kind == PLAN_RULE_READABLE ||
                    now->files.rules[i].kind == PLAN_RULE_WRITABLE)
                        return true;
        }
        return false;
}

static int refuse_loosening(const char *what, struct err *e)
{
        err_set(e, EPERM, "'%s' would loosen: a project's own file may only tighten", what);
        return err_hint(e, "say it with an option, or in a policy of yours: --policy FILE");
}

static int note_word(struct reader *r, struct assembly *a, const struct key *key,
                     const struct policy_word *word, struct err *e)
{
        struct policy_words *words = a->words;

        if (!words)
                return 0;
        if (arena_grow(&a->plan->arena, &words->items, words->n, sizeof(*words->items),
                       POLICY_MAX_WORDS, "words of policies", e) < 0)
                return -e->code;
        struct policy_word *added = &words->items[words->n];
        *added = *word;
        added->section = r->section;
        added->key = key->name;
        added->layer = r->text->layer;
        added->is_single = key->kind == KEY_WORD;
        added->n_rules = a->plan->files.n_rules - word->first_rule;
        added->value = arena_copy(&a->plan->arena, word->value, e);
        if (!added->value)
                return -e->code;
        words->n++;
        return 0;
}

static int apply_word(struct reader *r, struct assembly *a, const struct key *key,
                      struct setting *s, char *word, struct err *e)
{
        struct policy_word noted = { .value = word,
                                     .origin = s->origin,
                                     .is_quoted = s->is_quoted,
                                     .first_rule = a->plan->files.n_rules };
        struct before before;

        s->if_exists = key->kind == KEY_PATHS && word[0] == '-';
        s->value = s->if_exists ? word + 1 : word;
        /* who has no home has nothing in it */
        if (s->if_exists && apply_is_nowhere(a, s)) {
                noted.is_skipped = true;
                return note_word(r, a, key, &noted, e);
        }
        bool is_judged = r->text->layer == POLICY_PROJECT && key->tightening == COMPARED;
        if (is_judged)
                note_before(a->plan, &before);
        if (key->apply(a, s, e) < 0)
                return err_prefix(e, "%s", key->name);
        if (is_judged && is_looser(&before, a->plan)) {
                char line[80];

                snprintf(line, sizeof(line), "%s = %.40s", key->name, word);
                return refuse_loosening(line, e);
        }
        return note_word(r, a, key, &noted, e);
}

/* What only a slip between two words or two lines makes; in quotes it is meant. */
static int check_word(const struct key *key, const struct setting *s, const char *word,
                      struct err *e)
{
        if (s->is_quoted)
                return 0;
        if (str_eq(word, "=")) {
                err_set(e, EINVAL, "a '=' among the values");
                return err_hint(e, "each 'key = value' has a line of its own");
        }
        if (word_looks_foreign(word)) {
                err_set(e, EINVAL, strchr(word, '\'') ? "single quotes in '%s'" : "a comma in '%s'",
                        word);
                return err_hint(e,
                                "values stand apart by blanks; one that has a blank or such a mark "
                                "in it stands in double quotes");
        }
        if (key->kind != KEY_PATHS)
                return 0;
        if (word_looks_joined(word)) {
                err_set(e, EINVAL, "'%s' looks like two paths without a blank between them", word);
                return err_hint(e, "if it is one, put it in quotes");
        }
        return 0;
}

static int apply_words(struct reader *r, struct assembly *a, const struct key *key, char *value,
                       struct err *e)
{
        bool is_project = r->text->layer == POLICY_PROJECT;
        struct setting s = { .origin = line_origin(a, &r->lines, e),
                             .dir = is_project ? r->text->dir : NULL,
                             .is_project = is_project };
        size_t n = 0;
        char *word;
        int more;

        if (!s.origin)
                return -e->code;
        while (s.is_quoted = lines_is_quoted(value),
               (more = lines_next_word(&value, &word, e)) > 0) {
                if (key->kind == KEY_WORD && n > 0)
                        return err_set(e, EINVAL, "'%s' takes one value", key->name);
                n++;
                if (check_word(key, &s, word, e) < 0)
                        return -e->code;
                if (apply_word(r, a, key, &s, word, e) < 0)
                        return -e->code;
        }
        if (more < 0)
                return more;
        if (n == 0)
                return err_set(e, EINVAL, "'%s' has no value", key->name);
        return 0;
}

/* A key that is not applied: what it says is for people, or has been done. */
static int read_only_text(struct reader *r, struct assembly *a, const struct key *key,
                          const char *value, struct err *e)
{
        struct policy_word noted = { .value = value,
                                     .first_rule = a->plan->files.n_rules,
                                     .is_skipped = true };

        if (value[0] == '\0')
                return err_set(e, EINVAL, "'%s' has no value", key->name);
        if (!a->words)
                return 0;
        noted.origin = line_origin(a, &r->lines, e);
        return noted.origin ? note_word(r, a, key, &noted, e) : -e->code;
}

static int needs_section(char *line, char *value, struct err *e)
{
        size_t n;

        err_set(e, EINVAL, "'%s' stands before the first [section]", line);
        *value = '\0';
        const char *section = section_of(str_trim(line), &n);
        if (section)
                return err_hint(e, "write [%s] in a line above it", section);
        return err_hint(e, "write one above it, like [files]");
}

static int read_key(struct reader *r, struct assembly *a, char *line, struct err *e)
{
        char *value = strchr(line, '=');

        if (!value) {
                err_set(e, EINVAL, "'%s' is neither 'key = value' nor a [section]", line);
                return err_hint(e, "like: readable = ~/.config/tool");
        }
        if (r->section[0] == '\0')
                return needs_section(line, value, e);
        *value++ = '\0';
        const struct key *key = find_key(r, str_trim(line), e);
        if (!key)
                return -e->code;
        value = str_trim(value);
        if (r->text->layer == POLICY_PROJECT && key->tightening == LOOSENS)
                return refuse_loosening(key->name, e);

        size_t *seen = &r->seen[key - keys];
        if (*seen > 0 && key->kind <= KEY_LIST)
                return err_set(e, EINVAL, "'%s' was given in line %zu already", key->name, *seen);
        *seen = r->lines.number;
        if (!key->apply)
                return read_only_text(r, a, key, value, e);
        return apply_words(r, a, key, value, e);
}

static int read_line(struct reader *r, struct assembly *a, struct err *e)
{
        char *line = str_trim(r->lines.line);

        if (r->text->layer != POLICY_BUILTIN && lines_check(line, e) < 0)
                return -e->code;
        if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
                return 0;
        if (line[0] == '[')
                return enter_section(r, line, e);
        if (r->skips_section)
                return 0;
        /* compiled with kelp itself */
        if (!r->text->keeps_syscalls && str_eq(r->section, syscalls))
                return 0;
        return read_key(r, a, line, e);
}

void policy_apply(struct assembly *a, const struct policy_text *text,
                  struct plan_problems *problems)
{
        struct reader r;
        struct err e = { 0 };
        int more = 0;

        a->layer++;
        r.text = text;
        r.section = "";
        r.skips_section = false;
        memset(r.seen, 0, sizeof(r.seen));
        if (lines_start(&r.lines, text->text, text->name, &e) < 0) {
                plan_add_problem(problems, &e);
                return;
        }
        while ((more = lines_next(&r.lines, &e)) > 0) {
                if (read_line(&r, a, &e) == 0)
                        continue;
                lines_err(&r.lines, &e);
                plan_add_problem(problems, &e);
                /* the next line is not to be taken for wrong because this one was */
                e = (struct err){ 0 };
        }
        if (more < 0)
                plan_add_problem(problems, &e);
}

/* The value of `extends`, in l->line, or NULL. */
static int find_extends(struct lines *l, char **ret, struct err *e)
{
        bool is_inside = false;
        int more;

        *ret = NULL;
        while ((more = lines_next(l, e)) > 0) {
                char *line = str_trim(l->line);
                size_t len = strlen(line);

                if (line[0] == '[' && line[len - 1] == ']') {
                        line[len - 1] = '\0';
                        is_inside = str_eq(str_trim(line + 1), "policy");
                }
                char *value = strchr(line, '=');
                if (!is_inside || !value || !str_has_prefix(line, "extends"))
                        continue;
                *value++ = '\0';
                if (!str_eq(str_trim(line), "extends"))
                        continue;
                *ret = str_trim(value);
                return 0;
        }
        return more;
}

#define MAX_EXTENDED 1000

int policy_extends(struct arena *arena, const struct policy_text *text, char ***ret_words,
                   size_t *ret_n, size_t *ret_line, struct err *e)
{
        struct lines l;
        char *value;
        char *word;
        int more;

        *ret_words = NULL;
        *ret_n = 0;
        /* most have none, and are read once more when they are applied */
        if (!strstr(text->text, "extends"))
                return 0;
        if (lines_start(&l, text->text, text->name, e) < 0)
                return -e->code;
        if (find_extends(&l, &value, e) < 0)
                return -e->code;
        *ret_line = l.number;
        while (value && (more = lines_next_word(&value, &word, e)) != 0) {
                if (more < 0)
                        return lines_err(&l, e);
                if (arena_grow(arena, ret_words, *ret_n, sizeof(**ret_words), MAX_EXTENDED,
                               "policies to extend", e) < 0)
                        return -e->code;
                (*ret_words)[*ret_n] = arena_copy(arena, word, e);
                if (!(*ret_words)[(*ret_n)++])
                        return -e->code;
        }
        return 0;
}
