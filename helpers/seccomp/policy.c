#include "policy.h"

#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
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

/* One file of a chain of policies, as read. */
struct layer {
        struct arena *arena; /* of the table, which keeps words and origins */
        const char *path;
        char extends[GROUPS_MAX_WORD];
        bool has_default;
        struct call_line *lines;
        size_t n_lines;
        /* while reading */
        char *rest;
        unsigned line;
        struct err *e;
        bool failed;
};

static int fail_at(const struct layer *layer, unsigned line, struct err *e)
{
        return err_prefix(e, "%s:%u", layer->path, line);
}

static int add_line(struct layer *layer, enum call_mode mode, const char *word, struct err *e)
{
        const char *origin = arena_print(layer->arena, e, "%s:%u", layer->path, layer->line);

        if (!origin || arena_grow(layer->arena, &layer->lines, layer->n_lines,
                                  sizeof(*layer->lines), MAX_WORDS, "words", e) < 0)
                return -e->code;
        layer->lines[layer->n_lines++] = (struct call_line){ mode, word, origin, false };
        return 0;
}

/* Words are parted by blanks: a comma belongs to a word with arguments. */
static int words_add(struct layer *layer, enum call_mode mode, const char *value, struct err *e)
{
        char *at = arena_copy(layer->arena, value, e);

        if (!at)
                return -e->code;
        for (char *word; (word = strtok_r(at, " \t\r", &at));)
                if (add_line(layer, mode, word, e) < 0)
                        return -e->code;
        return 0;
}

static int set_default(struct layer *layer, const char *value, struct err *e)
{
        int ignored;

        if (layer->has_default)
                return err_set(e, EEXIST, "'default' is given twice");
        if (call_word_parse_default(value, &ignored, e) < 0)
                return -e->code;
        layer->has_default = true;
        const char *word = arena_copy(layer->arena, value, e);
        return word ? add_line(layer, CALL_DEFAULT, word, e) : -e->code;
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
                        return words_add(layer, CALL_ALLOW, value, e);
                if (str_eq(key, "deny"))
                        return words_add(layer, CALL_DENY, value, e);
                if (str_eq(key, "log"))
                        return words_add(layer, CALL_LOG, value, e);
                if (str_eq(key, "fake"))
                        return words_add(layer, CALL_FAKE, value, e);
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

        layer->path = arena_copy(layer->arena, path, e);
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

static int apply_layer(struct policy *p, struct groups *g, const struct layer *layer, struct err *e)
{
        const struct call_words words = { groups_find, g, g->answers };

        if (call_table_next_layer(&p->table, e) < 0)
                return -e->code;
        for (enum call_mode mode = CALL_DEFAULT; mode < CALL_N_MODES; mode++)
                for (size_t i = 0; i < layer->n_lines; i++)
                        if (layer->lines[i].mode == mode &&
                            call_table_apply(&p->table, &words, &layer->lines[i], e) < 0)
                                return -e->code;
        return 0;
}

/* Reads the file, first what it extends; `depth` bounds a circle. */
static int read_chain(struct policy *p, const struct policy_source *source, struct groups *g,
                      const char *path, unsigned depth, struct err *e)
{
        struct layer layer = { .arena = &p->arena };

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

int policy_read(struct policy *ret, const struct policy_source *source, struct groups *g,
                struct err *e)
{
        const struct call_words words = { groups_find, g, g->answers };

        memset(ret, 0, sizeof(*ret));
        ret->variant = source->variant;
        ret->table.arena = &ret->arena;
        if (set_name(ret, source, e) < 0 || read_chain(ret, source, g, source->path, 0, e) < 0)
                return -e->code;
        if (source->variant.allow_userns &&
            call_table_allow(&ret->table, &words, NESTING, "--allow-userns", e) < 0)
                return -e->code;
        if (source->variant.fake_root && !ret->table.has_fakes)
                return err_set(e, EINVAL, "policy '%s' has no 'fake' in [syscalls]", ret->name);
        if (source->variant.fake_root)
                call_table_fake(&ret->table);
        call_table_finish(&ret->table);
        return 0;
}

void policy_done(struct policy *p)
{
        arena_done(&p->arena);
}

int policy_compile(struct call_program **ret, const struct policy *p, const struct groups *g,
                   struct err *e)
{
        int numbers[CALL_RULES_MAX];
        const struct call_machine machine = { g->calls.arch->token, numbers, g->is_hot };

        for (size_t i = 0; i < call_rules_count; i++)
                if (calls_resolve(&g->calls, call_rules[i].call, &numbers[i], e) < 0)
                        return err_prefix(e, "in the argument rules");
        if (call_program_build(ret, &p->table, &p->variant, &machine, e) < 0)
                return err_prefix(e, "policy '%s'", p->name);
        return 0;
}
