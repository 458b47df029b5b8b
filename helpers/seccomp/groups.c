#include "groups.h"

#include "io.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MAX_FILE    (1024 * 1024)
#define MAX_GROUPS  200
#define MAX_NUMBERS 1000
#define MAX_NAMES   5000

char *word_next(char **at)
{
        static const char separators[] = " \t\r,";
        char *word = *at + strspn(*at, separators);

        if (*word == '\0') {
                *at = word;
                return NULL;
        }
        char *end = word + strcspn(word, separators);
        *at = end + (*end != '\0');
        *end = '\0';
        return word;
}

/* The errno number of "EPERM" and the others that a filter may answer with; 0: not one of them. */
static int errno_of(const char *name)
{
        static const struct {
                const char *name;
                int code;
        } known[] = {
                { "EPERM", EPERM },   { "EACCES", EACCES }, { "ENOSYS", ENOSYS },
                { "EINVAL", EINVAL }, { "ENOTTY", ENOTTY },
        };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (str_eq(name, known[i].name))
                        return known[i].code;
        return 0;
}

static struct group *group_find(const struct groups *g, const char *name)
{
        for (size_t i = 0; i < g->n_groups; i++)
                if (str_eq(name, g->groups[i].name))
                        return &g->groups[i];
        return NULL;
}

static int name_add(struct groups *g, const char *name, const char **ret, struct err *e)
{
        for (size_t i = 0; i < g->n_names; i++) {
                if (str_eq(name, g->names[i])) {
                        *ret = g->names[i];
                        return 0;
                }
        }
        char *copy = arena_copy(&g->arena, name, e);
        if (!copy)
                return -e->code;
        int r = arena_grow(&g->arena, &g->names, g->n_names, sizeof(*g->names), MAX_NAMES, "names",
                           e);
        if (r < 0)
                return r;
        g->names[g->n_names++] = copy;
        *ret = copy;
        return 0;
}

static int unknown_word(struct groups *g, const char *what, const char *word, struct err *e)
{
        const char *nearest = NULL;

        /* the list needs a NULL at its end only here */
        int r = arena_grow(&g->arena, &g->names, g->n_names, sizeof(*g->names), MAX_NAMES + 1,
                           "names", e);
        if (r < 0)
                return r;
        g->names[g->n_names] = NULL;
        nearest = str_nearest(word, g->names);
        err_set(e, ENOENT, "unknown %s '%s'", what, word);
        if (nearest)
                err_hint(e, "did you mean '%s'", nearest);
        return -e->code;
}

int groups_lookup(struct groups *g, const char *word, const int **ret_members, size_t *ret_n,
                  struct err *e)
{
        if (word[0] == '@') {
                struct group *group = group_find(g, word);

                if (!group)
                        return unknown_word(g, "group", word, e);
                group->is_closed = true;
                *ret_members = group->members;
                *ret_n = group->n_members;
                return 0;
        }
        int nr = -1;
        int r = calls_resolve(&g->calls, word, &nr, e);
        if (r == -ENOENT)
                return unknown_word(g, "system call", word, e);
        if (r < 0)
                return r;
        int *member = arena_alloc(&g->arena, sizeof(*member), e);
        if (!member)
                return -e->code;
        *member = nr;
        *ret_members = member;
        *ret_n = nr >= 0;
        return 0;
}

int groups_find(void *groups, const struct call_word *word, const int **ret_members, size_t *ret_n,
                struct err *e)
{
        struct groups *g = groups;

        if (word->number < 0)
                return groups_lookup(g, word->name, ret_members, ret_n, e);
        int *member = arena_alloc(&g->arena, sizeof(*member), e);
        if (!member)
                return -e->code;
        *member = word->number;
        *ret_members = member;
        *ret_n = 1;
        return 0;
}

static int read_number(struct groups *g, char **at, struct err *e)
{
        const char *name = word_next(at);
        const char *digits = word_next(at);
        const char *arch = word_next(at);
        struct calls *c = &g->calls;
        uint64_t nr;

        if (!name || !digits || word_next(at))
                return err_set(e, EINVAL, "'number' takes a name, a number and an architecture");
        int r = parse_number(digits, 0, CALLS_MAX - 1, &nr, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < c->n_numbers; i++)
                if (str_eq(name, c->numbers[i].name))
                        return err_set(e, EEXIST, "the number of '%s' is given twice", name);
        if (arch && !arch_find(arch, e))
                return -e->code;
        r = arena_grow(&g->arena, &c->numbers, c->n_numbers, sizeof(*c->numbers), MAX_NUMBERS,
                       "numbers", e);
        if (r < 0)
                return r;
        struct call_number *own = &c->numbers[c->n_numbers];
        r = name_add(g, name, &own->name, e);
        if (r < 0)
                return r;
        own->nr = arch && !str_eq(arch, c->arch->name) ? -1 : (int)nr;
        c->n_numbers++;
        /* says at once when libseccomp knows better */
        int known;
        return calls_resolve(c, name, &known, e);
}

static int group_open(struct groups *g, const char *name, struct group **ret, struct err *e)
{
        struct group *group = group_find(g, name);

        if (group && group->is_closed)
                return err_set(e, EINVAL, "group '%s' is used above, and cannot grow here", name);
        if (group) {
                *ret = group;
                return 0;
        }
        int r = arena_grow(&g->arena, &g->groups, g->n_groups, sizeof(*g->groups), MAX_GROUPS,
                           "groups", e);
        if (r < 0)
                return r;
        group = &g->groups[g->n_groups];
        memset(group, 0, sizeof(*group));
        r = name_add(g, name, &group->name, e);
        if (r < 0)
                return r;
        g->n_groups++;
        *ret = group;
        return 0;
}

static int group_add(struct groups *g, struct group *group, int nr, struct err *e)
{
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i] == nr)
                        return 0;
        int r = arena_grow(&g->arena, &group->members, group->n_members, sizeof(int), CALLS_MAX,
                           "calls in a group", e);
        if (r < 0)
                return r;
        group->members[group->n_members++] = nr;
        return 0;
}

static int read_group(struct groups *g, char **at, struct err *e)
{
        const char *name = word_next(at);
        struct group *group = NULL;

        if (!name || name[0] != '@' || name[1] == '\0')
                return err_set(e, EINVAL, "'group' takes the name of a group, '@' first");
        int r = group_open(g, name, &group, e);
        if (r < 0)
                return r;
        for (char *word; (word = word_next(at));) {
                const int *members = NULL;
                const char *kept;
                size_t n = 0;

                if (str_eq(word, name))
                        return err_set(e, EINVAL, "group '%s' cannot hold itself", name);
                r = groups_lookup(g, word, &members, &n, e);
                if (r < 0)
                        return r;
                r = name_add(g, word, &kept, e);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < n; i++) {
                        r = group_add(g, group, members[i], e);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Takes the calls of all words that are left; `set` is called with the number of each. */
static int mark_calls(struct groups *g, char **at, void (*set)(struct groups *g, int nr, int value),
                      int value, struct err *e)
{
        for (char *word; (word = word_next(at));) {
                const int *members = NULL;
                size_t n = 0;
                int r = groups_lookup(g, word, &members, &n, e);

                if (r < 0)
                        return r;
                for (size_t i = 0; i < n; i++)
                        set(g, members[i], value);
        }
        return 0;
}

static void set_answer(struct groups *g, int nr, int answer)
{
        g->answers[nr] = (uint16_t)answer;
}

static void set_hot(struct groups *g, int nr, int value)
{
        g->is_hot[nr] = value;
}

static void set_never(struct groups *g, int nr, int value)
{
        g->is_never[nr] = value;
}

static int read_answer(struct groups *g, char **at, struct err *e)
{
        const char *name = word_next(at);
        int code = name ? errno_of(name) : 0;

        if (code == 0)
                return err_set(e, EINVAL,
                               "'answer' takes one of EPERM EACCES ENOSYS EINVAL ENOTTY first");
        return mark_calls(g, at, set_answer, code, e);
}

static int read_hot(struct groups *g, char **at, struct err *e)
{
        return mark_calls(g, at, set_hot, true, e);
}

static int read_never(struct groups *g, char **at, struct err *e)
{
        return mark_calls(g, at, set_never, true, e);
}

static int read_line(struct groups *g, char *line, struct err *e)
{
        static const struct {
                const char *keyword;
                int (*read)(struct groups *g, char **at, struct err *e);
        } kinds[] = {
                { "number", read_number }, { "group", read_group }, { "answer", read_answer },
                { "never", read_never },   { "hot", read_hot },
        };

        line[strcspn(line, "#")] = '\0';
        char *at = line;
        const char *keyword = word_next(&at);
        if (!keyword)
                return 0;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (str_eq(keyword, kinds[i].keyword))
                        return kinds[i].read(g, &at, e);
        return err_set(e, EINVAL,
                       "a line starts with number, group, answer, never or hot, not '%s'", keyword);
}

int groups_read(struct groups *ret, const char *path, const struct arch *arch, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        memset(ret, 0, sizeof(*ret));
        ret->calls.arch = arch;
        for (size_t i = 0; i < CALLS_MAX; i++)
                ret->answers[i] = EPERM;
        int r = io_read_file(AT_FDCWD, path, MAX_FILE, &text, &len, e);
        if (r < 0)
                return r;
        if (strlen(text) != len)
                return err_set(e, EINVAL, "'%s' is not text: it has a zero byte", path);
        char *at = text;
        char *line;
        for (unsigned n = 1; (line = str_next_field(&at, '\n')); n++) {
                r = read_line(ret, line, e);
                if (r < 0)
                        return err_prefix(e, "%s:%u", path, n);
        }
        return 0;
}

void groups_done(struct groups *g)
{
        arena_done(&g->arena);
        memset(g, 0, sizeof(*g));
}
