#include "policy.h"

#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE    (1024 * 1024)
#define MAX_EXTENDS 8
#define MAX_WORDS   10000
#define SUFFIX      ".policy"

/* inih reads lines into a buffer of 200 bytes, and takes the rest of a longer one for another */
#define MAX_LINE 190

/* What a nested sandbox needs, in the groups file. */
#define NESTING "@nesting"

struct word {
        const char *text;
        unsigned line;
};

struct words {
        struct word *items;
        size_t n;
};

/* One file of a chain of policies, as read. */
struct layer {
        struct arena arena;
        const char *path;
        char extends[GROUPS_MAX_WORD];
        bool has_default;
        uint32_t fallback;
        struct words allow, deny, log, fake;
        /* while reading */
        char *rest;
        unsigned line;
        struct err *e;
        bool failed;
};

static void layer_done(struct layer *layer)
{
        arena_done(&layer->arena);
}

#define autolayer __attribute__((cleanup(layer_done))) struct layer

static int fail_at(const struct layer *layer, unsigned line, struct err *e)
{
        return err_prefix(e, "%s:%u", layer->path, line);
}

static int words_add(struct layer *layer, struct words *words, const char *value, struct err *e)
{
        char *at = arena_copy(&layer->arena, value, e);

        if (!at)
                return -e->code;
        for (char *text; (text = word_next(&at));) {
                int r = arena_grow(&layer->arena, &words->items, words->n, sizeof(*words->items),
                                   MAX_WORDS, "words", e);
                if (r < 0)
                        return r;
                words->items[words->n++] = (struct word){ .text = text, .line = layer->line };
        }
        return 0;
}

static int set_default(struct layer *layer, const char *value, struct err *e)
{
        static const char *const choices[] = { "ENOSYS", "EPERM", "kill", NULL };

        if (layer->has_default)
                return err_set(e, EEXIST, "'default' is given twice");
        if (str_eq(value, "kill"))
                layer->fallback = SECCOMP_RET_KILL_PROCESS;
        else if (str_eq(value, "ENOSYS"))
                layer->fallback = SECCOMP_RET_ERRNO | ENOSYS;
        else if (str_eq(value, "EPERM"))
                layer->fallback = SECCOMP_RET_ERRNO | EPERM;
        else {
                const char *nearest = str_nearest(value, choices);

                err_set(e, EINVAL, "'default' is ENOSYS, EPERM or kill, not '%s'", value);
                return nearest ? err_hint(e, "did you mean '%s'", nearest) : -e->code;
        }
        layer->has_default = true;
        return 0;
}

/* A policy is found by its name alone: no slash, so that a file never reaches out of its place. */
static bool is_policy_name(const char *name)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

        return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static int set_extends(struct layer *layer, const char *value, struct err *e)
{
        if (layer->extends[0] != '\0')
                return err_set(e, EEXIST, "'extends' is given twice");
        if (!is_policy_name(value) || strlen(value) >= sizeof(layer->extends))
                return err_set(e, EINVAL, "'%s' is not the name of a policy", value);
        memcpy(layer->extends, value, strlen(value) + 1);
        return 0;
}

static int unknown_key(const char *what, const char *name, const char *const *known, struct err *e)
{
        const char *nearest = str_nearest(name, known);

        err_set(e, ENOENT, "unknown %s '%s'", what, name);
        return nearest ? err_hint(e, "did you mean '%s'", nearest) : -e->code;
}

static int take_pair(struct layer *layer, const char *section, const char *key, const char *value,
                     struct err *e)
{
        static const char *const sections[] = { "policy",  "files",    "environment",
                                                "network", "syscalls", "capabilities",
                                                "limits",  "devices",  NULL };
        static const char *const policy_keys[] = { "description", "extends", NULL };
        static const char *const keys[] = { "default", "allow", "deny", "log", "fake", NULL };

        if (str_eq(section, "policy")) {
                if (str_eq(key, "extends"))
                        return set_extends(layer, value, e);
                if (str_eq(key, "description"))
                        return 0;
                return unknown_key("key in [policy]", key, policy_keys, e);
        }
        if (str_eq(section, "syscalls")) {
                if (str_eq(key, "default"))
                        return set_default(layer, value, e);
                if (str_eq(key, "allow"))
                        return words_add(layer, &layer->allow, value, e);
                if (str_eq(key, "deny"))
                        return words_add(layer, &layer->deny, value, e);
                if (str_eq(key, "log"))
                        return words_add(layer, &layer->log, value, e);
                if (str_eq(key, "fake"))
                        return words_add(layer, &layer->fake, value, e);
                return unknown_key("key in [syscalls]", key, keys, e);
        }
        for (size_t i = 0; sections[i]; i++)
                if (str_eq(section, sections[i]))
                        return 0;
        return unknown_key("section", section, sections, e);
}

static int on_pair(void *user, const char *section, const char *key, const char *value)
{
        struct layer *layer = user;

        if (!layer->failed && take_pair(layer, section, key, value ? value : "", layer->e) < 0)
                layer->failed = fail_at(layer, layer->line, layer->e) < 0;
        return !layer->failed;
}

/* Hands inih its lines, so that we know which one a pair stands on.  As fgets(). */
static char *next_line(char *buffer, int size, void *stream)
{
        struct layer *layer = stream;

        if (layer->failed)
                return NULL;
        char *line = str_next_field(&layer->rest, '\n');
        if (!line || (layer->rest == NULL && line[0] == '\0'))
                return NULL;
        layer->line++;
        if (strlen(line) > MAX_LINE || strlen(line) + 2 > (size_t)size) {
                err_set(layer->e, E2BIG, "a line of more than %d bytes", MAX_LINE);
                layer->failed = fail_at(layer, layer->line, layer->e) < 0;
                return NULL;
        }
        snprintf(buffer, (size_t)size, "%s\n", line);
        return buffer;
}

static int layer_read(struct layer *layer, const char *path, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        layer->path = arena_copy(&layer->arena, path, e);
        if (!layer->path)
                return -e->code;
        int r = io_read_file(AT_FDCWD, path, MAX_FILE, &text, &len, e);
        if (r < 0)
                return r;
        if (strlen(text) != len)
                return err_set(e, EINVAL, "'%s' is not text: it has a zero byte", path);
        layer->rest = text;
        layer->e = e;
        int bad = ini_parse_stream(next_line, layer, on_pair, layer);
        layer->rest = NULL;
        /* inih goes on behind a line that it does not understand: the first error counts */
        if (layer->failed && (bad <= 0 || (unsigned)bad >= layer->line))
                return -e->code;
        if (bad > 0)
                return err_set(e, EINVAL, "%s:%d: neither '[section]' nor 'key = value'", path,
                               bad);
        if (bad < 0)
                return err_set(e, ENOMEM, "cannot read '%s'", path);
        return 0;
}

/* DIR/NAME.policy, DIR being where the first file of the chain lies unless it is given */
static int extended_path(const struct policy_source *source, const char *name, char *path,
                         size_t size, struct err *e)
{
        const char *slash = strrchr(source->path, '/');
        int n;

        if (source->dir)
                n = snprintf(path, size, "%s/%s" SUFFIX, source->dir, name);
        else if (slash)
                n = snprintf(path, size, "%.*s/%s" SUFFIX, (int)(slash - source->path),
                             source->path, name);
        else
                n = snprintf(path, size, "%s" SUFFIX, name);
        if (n < 0 || (size_t)n >= size)
                return err_set(e, ENAMETOOLONG, "the path of policy '%s' is too long", name);
        return 0;
}

enum mode { MODE_ALLOW, MODE_DENY, MODE_LOG, MODE_FAKE };

static void apply_call(struct policy *p, const struct groups *g, int nr, enum mode mode)
{
        switch (mode) {
        case MODE_ALLOW:
                p->actions[nr] = SECCOMP_RET_ALLOW;
                break;
        case MODE_DENY:
                p->actions[nr] = SECCOMP_RET_ERRNO | g->answers[nr];
                break;
        case MODE_LOG:
                p->actions[nr] = SECCOMP_RET_LOG;
                break;
        case MODE_FAKE:
                p->is_fake[nr] = true;
                p->has_fakes = true;
                return;
        }
        p->is_named[nr] = true;
}

static bool is_allowed(const struct policy *p, int nr)
{
        return p->is_named[nr] &&
               (p->actions[nr] == SECCOMP_RET_ALLOW || p->actions[nr] == SECCOMP_RET_LOG);
}

static int apply_words(struct policy *p, struct groups *g, const struct layer *layer,
                       const struct words *words, enum mode mode, struct err *e)
{
        for (size_t i = 0; i < words->n; i++) {
                const struct word *word = &words->items[i];
                const int *members = NULL;
                size_t n = 0;
                size_t used = 0;

                int r = groups_lookup(g, word->text, &members, &n, e);
                if (r < 0)
                        return fail_at(layer, word->line, e);
                for (size_t j = 0; j < n; j++) {
                        /* log never loosens */
                        if (mode == MODE_LOG && !is_allowed(p, members[j]))
                                continue;
                        apply_call(p, g, members[j], mode);
                        used++;
                }
                if (mode == MODE_LOG && n > 0 && used == 0) {
                        err_set(e, EINVAL, "'%s' is in 'log', but is not allowed", word->text);
                        return fail_at(layer, word->line, e);
                }
        }
        return 0;
}

static int apply_layer(struct policy *p, struct groups *g, const struct layer *layer, struct err *e)
{
        if (layer->has_default)
                p->fallback = layer->fallback;
        int r = apply_words(p, g, layer, &layer->allow, MODE_ALLOW, e);
        if (r == 0)
                r = apply_words(p, g, layer, &layer->deny, MODE_DENY, e);
        if (r == 0)
                r = apply_words(p, g, layer, &layer->log, MODE_LOG, e);
        if (r == 0)
                r = apply_words(p, g, layer, &layer->fake, MODE_FAKE, e);
        return r;
}

/* Reads the file, first what it extends; `depth` bounds a circle. */
static int read_chain(struct policy *p, const struct policy_source *source, struct groups *g,
                      const char *path, unsigned depth, struct err *e)
{
        autolayer layer = { 0 };

        int r = layer_read(&layer, path, e);
        if (r < 0)
                return r;
        if (layer.extends[0] != '\0') {
                char above[PATH_MAX];

                if (depth == MAX_EXTENDS)
                        return err_set(e, ELOOP, "%s: more than %d policies extend each other",
                                       path, MAX_EXTENDS);
                r = extended_path(source, layer.extends, above, sizeof(above), e);
                if (r == 0)
                        r = read_chain(p, source, g, above, depth + 1, e);
                if (r < 0)
                        return depth == 0 ? err_prefix(e, "%s", path) : r;
        } else if (!layer.has_default) {
                return err_set(e, EINVAL, "%s: no 'default' in [syscalls], and no 'extends'", path);
        }
        return apply_layer(p, g, &layer, e);
}

static int set_name(struct policy *p, const struct policy_source *source, struct err *e)
{
        const char *slash = strrchr(source->path, '/');
        const char *base = slash ? slash + 1 : source->path;
        size_t len = strlen(base);

        if (str_has_suffix(base, SUFFIX))
                len -= strlen(SUFFIX);
        int n = snprintf(p->name, sizeof(p->name), "%.*s%s%s", (int)len, base,
                         source->variant.allow_userns ? "+userns" : "",
                         source->variant.fake_root ? "+fakeroot" : "");
        if (n < 0 || (size_t)n >= sizeof(p->name))
                return err_set(e, ENAMETOOLONG, "the name of '%s' is too long", source->path);
        return 0;
}

static int allow_nesting(struct policy *p, struct groups *g, struct err *e)
{
        const int *members = NULL;
        size_t n = 0;

        if (groups_lookup(g, NESTING, &members, &n, e) < 0)
                return err_prefix(e, "--allow-userns");
        for (size_t i = 0; i < n; i++)
                apply_call(p, g, members[i], MODE_ALLOW);
        return 0;
}

/* Last of all: what any file of the chain refuses stays refused. */
static int fake_calls(struct policy *p, struct err *e)
{
        if (!p->has_fakes)
                return err_set(e, EINVAL, "policy '%s' has no 'fake' in [syscalls]", p->name);
        for (int nr = 0; nr < CALLS_MAX; nr++)
                if (p->is_fake[nr] && is_allowed(p, nr))
                        p->actions[nr] = SECCOMP_RET_ERRNO;
        return 0;
}

int policy_read(struct policy *ret, const struct policy_source *source, struct groups *g,
                struct err *e)
{
        memset(ret, 0, sizeof(*ret));
        ret->variant = source->variant;
        int r = set_name(ret, source, e);
        if (r == 0)
                r = read_chain(ret, source, g, source->path, 0, e);
        if (r == 0 && source->variant.allow_userns)
                r = allow_nesting(ret, g, e);
        if (r == 0 && source->variant.fake_root)
                r = fake_calls(ret, e);
        for (int nr = 0; nr < CALLS_MAX; nr++)
                if (!ret->is_named[nr])
                        ret->actions[nr] = ret->fallback;
        return r;
}
