#include "layers.h"

#include "lines.h"
#include "policy.h"
#include "str.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_TEXTS 1000
#define MAX_NAME  64

static const char *const layer_names[] = {
        [POLICY_BUILTIN] = "built in",      [POLICY_SYSTEM] = "of this machine",
        [POLICY_USER] = "your own",         [POLICY_FILE] = "a file",
        [POLICY_PROJECT] = "the project's",
};
static_assert(sizeof(layer_names) / sizeof(layer_names[0]) == POLICY_PROJECT + 1,
              "a name for every layer");

const char *policy_layer_name(enum policy_layer layer)
{
        return layer_names[layer];
}

bool policy_is_file(const char *word)
{
        return strchr(word, '/') != NULL || str_has_suffix(word, ".policy");
}

bool policy_is_name(const char *word)
{
        static const char allowed[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+";

        return word[0] != '\0' && word[0] != '.' && word[0] != '-' &&
               word[strspn(word, allowed)] == '\0' && strlen(word) < MAX_NAME;
}

/* Where a policy is named: the line of a text, or an option. */
struct place {
        const struct policy_text *text; /* NULL: an option */
        size_t line;
};

struct collector {
        struct arena *arena;
        const struct policy_source *source;
        const char *base;  /* the default policy of the root */
        const char *other; /* that of the other kind of root */
        const char *asked; /* the policy that all of this is for */
        struct policy_set set;
        const char *stack[MAX_DEPTH];
        size_t depth;
        const char **done;
        size_t n_done;
        struct plan_problems *problems;
};

static void complain(struct collector *c, const struct place *at, struct err *e)
{
        if (at->text)
                err_prefix(e, "%s:%zu", at->text->name, at->line);
        plan_add_problem(c->problems, e);
}

int policy_set_add(struct arena *arena, struct policy_set *set, const struct policy_text *text,
                   struct err *e)
{
        if (arena_grow(arena, &set->items, set->n, sizeof(*set->items), MAX_TEXTS,
                       "policies that extend each other", e) < 0)
                return -e->code;
        set->items[set->n++] = *text;
        return 0;
}

static int unknown_policy(const struct collector *c, const char *name, struct err *e)
{
        const char *near = str_nearest(name, policy_builtin_names);

        err_set(e, EINVAL, "unknown policy '%s'", name);
        if (!near && c->source->names)
                near = str_nearest(name, c->source->names(c->source->user));
        return near ? err_hint(e, "did you mean '%s'", near)
                    : err_hint(e, "a file of yours is named with a '/' or ends in .policy");
}

static bool is_done(const struct collector *c, const char *id)
{
        for (size_t i = 0; i < c->n_done; i++) {
                if (str_eq(c->done[i], id))
                        return true;
        }
        return false;
}

static int set_done(struct collector *c, const char *id, struct err *e)
{
        if (arena_grow(c->arena, &c->done, c->n_done, sizeof(*c->done), MAX_TEXTS, "policies", e) <
            0)
                return -e->code;
        c->done[c->n_done++] = id;
        return 0;
}

/* Notes that `id` is being read, unless that is so already: then it extends itself. */
static int enter(struct collector *c, const char *id, struct err *e)
{
        for (size_t i = 0; i < c->depth; i++) {
                if (!str_eq(c->stack[i], id))
                        continue;
                return err_set(e, ELOOP, "policy '%s' extends itself%s%s", id,
                               i + 1 < c->depth ? ", by way of " : "",
                               i + 1 < c->depth ? c->stack[i + 1] : "");
        }
        if (c->depth == MAX_DEPTH)
                return err_set(e, ELOOP, "more than %d policies extend each other", MAX_DEPTH);
        c->stack[c->depth++] = id;
        return 0;
}

static void collect(struct collector *c, const char *word, const char *dir, const struct place *at);

/* A policy says what a kind of root is filled with; the other kind has no use for it. */
static int check_root(const struct collector *c, const char *name, struct err *e)
{
        bool is_image = str_eq(c->base, "container");

        if (!str_eq(name, c->other))
                return 0;
        err_set(e, EINVAL, "policy '%s' is for %s", c->asked,
                is_image ? "a view of this host, not for an image"
                         : "an image, not for a view of this host");
        return err_hint(e, is_image ? "an image runs under 'container' or a policy that extends it"
                                    : "this runs under 'sandbox' or a policy that extends it");
}

/* `is_first`: nothing of that policy stands below this text. */
static void collect_extended(struct collector *c, const struct policy_text *t, bool is_first)
{
        struct place at = { .text = t };
        struct err e = { 0 };
        char **words;
        size_t n;

        if (policy_extends(c->arena, t, &words, &n, &at.line, &e) < 0) {
                complain(c, &(struct place){ NULL, 0 }, &e);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                if (policy_is_file(words[i]) && t->layer == POLICY_BUILTIN) {
                        err_set(&e, EINVAL, "a built-in policy extends built-in ones");
                        complain(c, &at, &e);
                        continue;
                }
                /* the file of a name in a layer stands on those below it anyway */
                if (!is_first && str_eq(words[i], t->policy))
                        continue;
                collect(c, words[i], t->dir, &at);
        }
}

static void add_text(struct collector *c, const struct policy_text *t, bool is_first,
                     const struct place *at)
{
        const size_t n_problems = c->problems->n;
        struct err e = { 0 };

        collect_extended(c, t, is_first);
        /* for the other kind of root, and then most of its lines are, too: that is said once */
        if (t->layer == POLICY_BUILTIN && c->problems->n > n_problems)
                return;
        if (policy_set_add(c->arena, &c->set, t, &e) < 0)
                complain(c, at, &e);
}

static void collect_file(struct collector *c, const char *path, const char *dir,
                         const struct place *at)
{
        struct policy_text t = { .policy = path, .layer = POLICY_FILE };
        struct err e = { 0 };

        if (c->source->file(c->source->user, path, dir, &t, &e) < 0) {
                complain(c, at, &e);
                return;
        }
        if (is_done(c, t.path))
                return;
        if (enter(c, t.path, &e) < 0) {
                complain(c, at, &e);
                return;
        }
        add_text(c, &t, true, at);
        c->depth--;
        if (set_done(c, t.path, &e) < 0)
                complain(c, at, &e);
}

/* The text of a name in one layer; ret->text stays NULL where there is none. */
static int find_text(struct collector *c, enum policy_layer layer, const char *name,
                     struct policy_text *ret, struct err *e)
{
        *ret = (struct policy_text){ .policy = name, .layer = layer };
        if (layer != POLICY_BUILTIN)
                return c->source->layer(c->source->user, layer, name, ret, e);
        ret->text = policy_builtin(name);
        if (!ret->text)
                return 0;
        ret->name = arena_print(c->arena, e, "%s.policy", name);
        return ret->name ? 0 : -e->code;
}

static void collect_layers(struct collector *c, const char *name, const struct place *at)
{
        struct err e = { 0 };
        bool is_first = true;

        for (enum policy_layer layer = POLICY_BUILTIN; layer <= POLICY_USER; layer++) {
                struct policy_text t;

                if (find_text(c, layer, name, &t, &e) < 0) {
                        complain(c, at, &e);
                        return;
                }
                if (!t.text)
                        continue;
                add_text(c, &t, is_first, at);
                is_first = false;
        }
        if (is_first) {
                unknown_policy(c, name, &e);
                complain(c, at, &e);
        }
}

static void collect(struct collector *c, const char *word, const char *dir, const struct place *at)
{
        struct err e = { 0 };

        if (policy_is_file(word)) {
                collect_file(c, word, dir, at);
                return;
        }
        if (!policy_is_name(word))
                unknown_policy(c, word, &e);
        if (e.code != 0 || check_root(c, word, &e) < 0 ||
            (!is_done(c, word) && enter(c, word, &e) < 0)) {
                complain(c, at, &e);
                return;
        }
        if (is_done(c, word))
                return;
        collect_layers(c, word, at);
        c->depth--;
        if (set_done(c, word, &e) < 0)
                complain(c, at, &e);
}

/* Whether the built-in policy `name` extends the built-in `other`, by way of others perhaps. */
static bool builtin_extends(struct arena *arena, const char *name, const char *other, size_t depth)
{
        struct policy_text t = { .policy = name, .name = name, .text = policy_builtin(name) };
        struct err e = { 0 };
        char **words;
        size_t line;
        size_t n;

        if (!t.text || depth > MAX_DEPTH || policy_extends(arena, &t, &words, &n, &line, &e) < 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (str_eq(words[i], other) || builtin_extends(arena, words[i], other, depth + 1))
                        return true;
        }
        return false;
}

/*
 * The filter that is there already: of the built-in policies with [syscalls], the one that extends
 * the others.  What it does not extend the plan has to carry.
 */
static void choose_filter(struct collector *c)
{
        struct policy_set *set = &c->set;

        for (size_t i = 0; i < set->n; i++) {
                const struct policy_text *t = &set->items[i];

                if (t->layer == POLICY_BUILTIN && strstr(t->text, "\n[syscalls]") &&
                    (!set->filter || builtin_extends(c->arena, t->policy, set->filter, 0)))
                        set->filter = t->policy;
        }
        for (size_t i = 0; i < set->n; i++) {
                struct policy_text *t = &set->items[i];

                t->keeps_syscalls = t->layer != POLICY_BUILTIN ||
                                    (!str_eq(t->policy, set->filter) &&
                                     !builtin_extends(c->arena, set->filter, t->policy, 0));
        }
}

int policy_collect(struct arena *arena, const struct policy_source *source, bool is_image,
                   const char *const *asked, size_t n_asked, struct policy_set *ret,
                   struct plan_problems *problems)
{
        struct collector c = {
                .arena = arena,
                .source = source,
                .base = is_image ? "container" : "sandbox",
                .other = is_image ? "sandbox" : "container",
                .problems = problems,
        };
        const struct place at = { 0 };
        size_t before = problems->n;

        c.asked = c.base;
        collect(&c, c.base, NULL, &at);
        for (size_t i = 0; i < n_asked; i++) {
                c.asked = asked[i];
                collect(&c, asked[i], NULL, &at);
        }
        choose_filter(&c);
        *ret = c.set;
        return problems->n == before ? 0 : -EINVAL;
}
