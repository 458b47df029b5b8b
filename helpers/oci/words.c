#include "words.h"

#include "parse.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/* More names than any command has options. */
#define MAX_OPTIONS 63
#define MAX_NAME    64

/* What is said of a command begins with its name. */
static int refuse(const struct words *w, struct err *e)
{
        return w->command ? err_prefix(e, "%s", w->command) : -e->code;
}

static int hint_help(const struct words *w, struct err *e)
{
        return err_hint(e, "kelp-oci%s%s --help lists them", w->command ? " " : "",
                        w->command ? w->command : "");
}

static int refuse_unknown(const struct words *w, const char *name, size_t len, struct err *e)
{
        const char *names[MAX_OPTIONS + 1] = { NULL };
        char asked[MAX_NAME];

        err_set(e, EINVAL, "unknown option '--%.*s'", (int)len, name);
        if (len >= sizeof(asked))
                return -e->code;
        memcpy(asked, name, len);
        asked[len] = '\0';
        for (size_t i = 0; i < w->n_options && i < MAX_OPTIONS; i++)
                names[i] = w->options[i].name;
        const char *near = str_nearest(asked, names);
        if (near)
                return err_hint(e, "did you mean '--%s'", near);
        return hint_help(w, e);
}

static const struct words_option *find_name(const struct words *w, const char *name, size_t len)
{
        for (size_t i = 0; i < w->n_options; i++) {
                if (strlen(w->options[i].name) == len && !memcmp(w->options[i].name, name, len))
                        return &w->options[i];
        }
        return NULL;
}

static const struct words_option *find_letter(const struct words *w, char letter)
{
        for (size_t i = 0; i < w->n_options; i++) {
                if (w->options[i].letter == letter)
                        return &w->options[i];
        }
        return NULL;
}

static int set_flag(const struct words_option *option, const char *value, struct err *e)
{
        if (!value) {
                *option->flag = true;
                return 0;
        }
        if (parse_bool(value, option->flag, e) < 0)
                return err_prefix(e, "--%s", option->name);
        return 0;
}

static void set_value(const struct words_option *option, const char *value)
{
        if (option->list)
                option->list->items[option->list->n++] = value;
        else
                *option->value = value;
}

/* The value of an option that has none behind it in its own word: the next word. */
static int take_next(const struct words_option *option, int argc, char **argv, int *at,
                     struct err *e)
{
        if (*at + 1 >= argc)
                return err_set(e, EINVAL, "option '--%s' needs a value", option->name);
        set_value(option, argv[++*at]);
        return 0;
}

static int take_long(const struct words *w, int argc, char **argv, int *at, struct err *e)
{
        const char *name = argv[*at] + 2;
        size_t len = strcspn(name, "=");
        const char *value = name[len] == '=' ? name + len + 1 : NULL;
        const struct words_option *option = find_name(w, name, len);

        if (!option)
                return refuse_unknown(w, name, len, e);
        if (option->flag)
                return set_flag(option, value, e);
        if (!value)
                return take_next(option, argc, argv, at, e);
        set_value(option, value);
        return 0;
}

static int take_letters(const struct words *w, int argc, char **argv, int *at, struct err *e)
{
        for (const char *letter = argv[*at] + 1; *letter; letter++) {
                const struct words_option *option = find_letter(w, *letter);

                if (!option) {
                        err_set(e, EINVAL, "unknown option '-%c' in '%.100s'", *letter, argv[*at]);
                        return hint_help(w, e);
                }
                if (option->flag) {
                        *option->flag = true;
                        continue;
                }
                if (letter[1] == '\0')
                        return take_next(option, argc, argv, at, e);
                set_value(option, letter + (letter[1] == '=' ? 2 : 1));
                return 0;
        }
        return 0;
}

int words_parse(const struct words *w, int argc, char **argv, char ***ret_operands, size_t *ret_n,
                struct err *e)
{
        bool is_over = false;
        int n = 1; /* operands gather behind the name of the command */

        for (int i = 1; i < argc; i++) {
                const char *word = argv[i];

                if (!is_over && str_eq(word, "--")) {
                        is_over = true;
                        continue;
                }
                if (is_over || word[0] != '-' || word[1] == '\0') {
                        argv[n++] = argv[i];
                        is_over = is_over || w->stops;
                        continue;
                }
                int r = word[1] == '-' ? take_long(w, argc, argv, &i, e)
                                       : take_letters(w, argc, argv, &i, e);
                if (r < 0)
                        return refuse(w, e);
        }
        argv[n] = NULL;
        *ret_operands = argv + 1;
        *ret_n = (size_t)n - 1;
        return 0;
}

int words_count(const struct words *w, const char *usage, char *const *operands, size_t n,
                struct err *e)
{
        size_t known = 0;

        for (const char *at = usage; *at; known++) {
                size_t len = strcspn(at, " ");

                if (known >= n && at[0] != '[') {
                        err_set(e, EINVAL, "%.*s is missing", (int)len, at);
                        err_hint(e, "kelp-oci %s [OPTIONS] %s", w->command, usage);
                        return refuse(w, e);
                }
                at += len;
                at += strspn(at, " ");
        }
        /* "[ARG...]" */
        if (n <= known || strstr(usage, "..."))
                return 0;
        err_set(e, EINVAL, "unexpected word '%.200s'", operands[known]);
        err_hint(e, "kelp-oci %s [OPTIONS]%s%s", w->command, *usage ? " " : "", usage);
        return refuse(w, e);
}
