#include "option.h"

#include "str.h"

#include <errno.h>
#include <string.h>

struct cursor {
        size_t argc;
        const char *const *argv;
        size_t at;
};

static const struct option_row *find_name(const char *name, size_t len)
{
        for (const struct option_row *row = option_table; row->name; row++) {
                if (strncmp(row->name, name, len) == 0 && row->name[len] == '\0')
                        return row;
        }
        return NULL;
}

static const struct option_row *find_letter(char letter)
{
        for (const struct option_row *row = option_table; row->name; row++) {
                if (row->letter == letter)
                        return row;
        }
        return NULL;
}

#define OF_PULL "it is an option of kelp pull: pull the image first, then run it"

/* What other tools call it, where no similar name says so. */
static const struct {
        const char *name;
        const char *hint;
} foreign_names[] = {
        { "net", "did you mean '--network'" },
        { "ro", "--readable PATH shows it at the same place, -v SRC:DST:ro at another" },
        { "read", "did you mean '--readable'" },
        { "rw", "did you mean '--writable'" },
        { "write", "did you mean '--writable'" },
        { "bind", "-v SRC:DST shows SRC at DST, writable" },
        { "ro-bind", "-v SRC:DST:ro shows SRC at DST, read-only" },
        { "dev-bind", "--device HOST[:BOX] shows a device" },
        { "chdir", "did you mean '--workdir'" },
        { "cwd", "did you mean '--workdir'" },
        { "setenv", "-e NAME=VALUE sets a variable" },
        { "unsetenv", "no variable is there but for a short list; see kelp run --dry-run" },
        { "unshare-net", "there is no network unless --network asks for one" },
        { "unshare-all", "it is always so" },
        { "die-with-parent", "it is always so" },
        { "new-session", "it is always so" },
        { "share-net", "did you mean '--network host'" },
        { "uid", "did you mean '--user'" },
        { "gid", "did you mean '--user UID:GID'" },
        { "blacklist", "did you mean '--hide'" },
        { "insecure", OF_PULL },
        { "quiet", OF_PULL },
        { "q", OF_PULL },
        { "ca", OF_PULL },
};

static const char *find_foreign(const char *name)
{
        for (size_t i = 0; i < sizeof(foreign_names) / sizeof(foreign_names[0]); i++) {
                if (str_eq(foreign_names[i].name, name))
                        return foreign_names[i].hint;
        }
        return NULL;
}

static int unknown_name(const char *name, struct err *e)
{
        const char *foreign = find_foreign(name);
        const char *best = NULL;
        size_t best_distance = 0;

        for (const struct option_row *row = option_table; row->name; row++) {
                size_t distance;

                if (row->help && str_is_near(name, row->name, &distance) &&
                    (!best || distance < best_distance)) {
                        best = row->name;
                        best_distance = distance;
                }
        }
        err_set(e, EINVAL, "unknown option '--%s'", name);
        if (foreign)
                return err_hint(e, "%s", foreign);
        return best ? err_hint(e, "did you mean '--%s'", best)
                    : err_hint(e, "see kelp run --help; a command that starts with '-' goes "
                                  "behind '--'");
}

static int add_use(struct arena *arena, struct option_list *list, const struct option_row *row,
                   const char *value, struct err *e)
{
        if (!row->help) {
                err_set(e, ENOTSUP, "option '--%s' is not yet supported", row->name);
                return err_hint(e, "leave it out; kelp run --help lists those that are");
        }
        if (arena_grow(arena, &list->uses, list->n, sizeof(*list->uses), OPTION_MAX_USES, "options",
                       e) < 0)
                return -e->code;
        list->uses[list->n++] = (struct option_use){ .row = row, .value = value };
        return 0;
}

/* The next word as the value of `row`; "--" is none, lest the command be taken for it. */
static const char *next_value(struct cursor *c, const struct option_row *row, struct err *e)
{
        if (c->at < c->argc && !str_eq(c->argv[c->at], "--"))
                return c->argv[c->at++];
        err_set(e, EINVAL, "option '--%s' needs a value: --%s %s", row->name, row->name,
                row->argument);
        return NULL;
}

static int parse_long(struct arena *arena, struct cursor *c, const char *word,
                      struct option_list *list, struct err *e)
{
        size_t len = strcspn(word, "=");
        const char *value = word[len] == '=' ? word + len + 1 : NULL;
        const struct option_row *row = find_name(word, len);

        if (!row) {
                char name[64];

                if (len >= sizeof(name))
                        len = sizeof(name) - 1;
                memcpy(name, word, len);
                name[len] = '\0';
                return unknown_name(name, e);
        }
        if (!row->help || (!row->argument && !value))
                return add_use(arena, list, row, NULL, e);
        if (!row->argument)
                return err_set(e, EINVAL, "option '--%s' takes no value", row->name);
        if (!value)
                value = next_value(c, row, e);
        return value ? add_use(arena, list, row, value, e) : -e->code;
}

/* "-it", "-p8080:80", "-p 8080:80" */
static int parse_letters(struct arena *arena, struct cursor *c, const char *letters,
                         struct option_list *list, struct err *e)
{
        for (; *letters; letters++) {
                const struct option_row *row = find_letter(*letters);

                if (!row) {
                        const char name[] = { *letters, '\0' };
                        const char *foreign = find_foreign(name);

                        err_set(e, EINVAL, "unknown option '-%s'", name);
                        return err_hint(e, "%s", foreign ? foreign : "see kelp run --help");
                }
                if (!row->help || !row->argument) {
                        if (add_use(arena, list, row, NULL, e) < 0)
                                return -e->code;
                        continue;
                }
                const char *value = letters[1] ? letters + 1 : next_value(c, row, e);
                return value ? add_use(arena, list, row, value, e) : -e->code;
        }
        return 0;
}

int option_parse(struct arena *arena, size_t argc, const char *const *argv, struct option_list *ret,
                 struct err *e)
{
        struct cursor c = { .argc = argc, .argv = argv };
        struct option_list list = { 0 };

        while (c.at < argc && argv[c.at][0] == '-' && argv[c.at][1] != '\0' && !list.is_host) {
                const char *word = argv[c.at++];
                int r = 0;

                if (str_eq(word, "--"))
                        list.is_host = true;
                else if (word[1] == '-')
                        r = parse_long(arena, &c, word + 2, &list, e);
                else
                        r = parse_letters(arena, &c, word + 1, &list, e);
                if (r < 0)
                        return r;
        }
        if (!list.is_host && c.at < argc)
                list.image = argv[c.at++];
        list.args = argv + c.at;
        list.n_args = argc - c.at;
        *ret = list;
        return 0;
}

struct option_use *option_find(const struct option_list *list, const char *name)
{
        for (size_t i = list->n; i > 0; i--) {
                if (str_eq(list->uses[i - 1].row->name, name))
                        return &list->uses[i - 1];
        }
        return NULL;
}

int option_pull(const struct option_list *list, enum option_pull *ret, struct err *e)
{
        static const char *const names[] = {
                [OPTION_PULL_NEVER] = "never",
                [OPTION_PULL_MISSING] = "missing",
                [OPTION_PULL_ALWAYS] = "always",
        };
        const size_t n_names = sizeof(names) / sizeof(names[0]);
        size_t found = OPTION_PULL_NEVER;

        for (size_t i = 0; i < list->n; i++) {
                if (!str_eq(list->uses[i].row->name, "pull"))
                        continue;
                found = 0;
                while (found < n_names && !str_eq(names[found], list->uses[i].value))
                        found++;
                if (found == n_names)
                        return err_set(e, EINVAL,
                                       "option '--pull': '%s' is not never, missing or always",
                                       list->uses[i].value);
        }
        *ret = (enum option_pull)found;
        return 0;
}
