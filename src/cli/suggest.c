#include "suggest.h"

#include "str.h"
#include "word.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_in_path(const char *name)
{
        const char *path = getenv("PATH");

        if (!path || strchr(name, '/'))
                return false;
        while (*path) {
                size_t len = strcspn(path, ":");
                char file[PATH_MAX];

                if (len > 0 &&
                    snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name) <
                            (int)sizeof(file) &&
                    access(file, X_OK) == 0)
                        return true;
                path += len + (path[len] == ':');
        }
        return false;
}

struct words {
        char text[SUGGEST_MAX];
        size_t len;
};

/* What does not fit is cut. */
static void add_word(struct words *w, const char *word)
{
        char quoted[SUGGEST_MAX];
        int n = snprintf(w->text + w->len, sizeof(w->text) - w->len, " %s",
                         word_quote(quoted, sizeof(quoted), word));

        w->len += n > 0 ? (size_t)n : 0;
        if (w->len >= sizeof(w->text))
                w->len = sizeof(w->text) - 1;
}

static void add_words(struct words *w, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                add_word(w, words[i]);
}

void suggest_words(const char *const *words, size_t n, char ret[SUGGEST_MAX])
{
        struct words w = { .len = 0 };

        add_words(&w, words, n);
        memcpy(ret, w.text, SUGGEST_MAX);
}

bool suggest_program(int argc, char **argv, char ret[SUGGEST_MAX])
{
        struct words w = { .len = 0 };

        if (!is_in_path(argv[0]))
                return false;
        add_words(&w, (const char *const *)argv, (size_t)argc);
        memcpy(ret, w.text, SUGGEST_MAX);
        return true;
}

const char *suggest_order(struct arena *arena, const struct option_list *options, int argc,
                          char **argv)
{
        const char *const *args = options->args;
        const char *const *before = (const char *const *)argv + 1;
        const char *end = options->is_host ? "'--'" : "the image";
        struct option_list behind = { 0 };
        struct words w = { .len = 0 };
        struct err e = { 0 };

        if (options->n_args == 0 || args[0][0] != '-' || args[0][1] == '\0')
                return NULL;
        if (option_parse(arena, options->n_args, args, &behind, &e) < 0)
                return arena_print(arena, &e, "options stand before %s", end);
        size_t n_command = behind.n_args + (behind.image ? 1 : 0);
        size_t n_options = options->n_args - n_command - (behind.is_host ? 1 : 0);
        size_t n_before = (size_t)argc - 1 - options->n_args - 1;
        add_words(&w, before, n_before);
        add_words(&w, args, n_options);
        add_word(&w, options->is_host ? "--" : options->image);
        add_words(&w, args + options->n_args - n_command, n_command);
        if (options->is_host && n_command == 0)
                add_word(&w, "COMMAND");
        if (n_options > 0)
                return arena_print(arena, &e, "options stand before %s: kelp run%s", end, w.text);
        if (options->is_host)
                return arena_print(arena, &e, "one '--' is enough: kelp run%s", w.text);
        return arena_print(arena, &e, "behind an image the command needs no '--': kelp run%s",
                           w.text);
}

static bool is_path(const char *image)
{
        return strchr("/.", image[0]) != NULL;
}

/* Who gives an option for images has meant one. */
static bool has_image_option(const struct option_list *options)
{
        for (size_t i = 0; i < options->n; i++) {
                if (!(options->uses[i].row->scope & OPTION_HOST))
                        return true;
        }
        return false;
}

bool suggest_is_command(const struct option_list *options, int code)
{
        if (code == ENOEXEC)
                return true;
        return is_in_path(options->image) && !has_image_option(options);
}

static bool has_upper(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if (text[i] >= 'A' && text[i] <= 'Z')
                        return true;
        }
        return false;
}

static bool is_digest(const char *text)
{
        static const char head[] = "sha256:";

        return str_has_prefix(text, head) &&
               strspn(text + strlen(head), "0123456789abcdef") == 64 && strlen(text) == 71;
}

/* What can be pulled is told how; of a name that cannot be, what is wrong with it. */
static void hint_pull(const char *name, struct err *e)
{
        const char *scheme = strstr(name, "://");
        const char *at = strchr(name, '@');
        const char *last = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;

        if (scheme)
                err_hint(e, "names have no scheme: kelp pull %s", scheme + 3);
        else if (at && !is_digest(at + 1))
                err_hint(e, "a digest is 'sha256:' and 64 hex digits");
        else if (has_upper(last, strcspn(last, ":@")))
                err_hint(e, "names of images are lower case");
        else if (at) /* no file can be imported under such a name */
                err_hint(e, "kelp pull %s", name);
        else
                err_hint(e, "kelp pull %s, kelp import FILE %s, or a path like ./%s", name, name,
                         name);
}

void suggest_command(const struct option_list *options, int argc, char **argv, struct err *e)
{
        struct words w = { .len = 0 };
        size_t image_at = (size_t)argc - options->n_args - 1;

        /* what is not there is no command either */
        if (e->code != ENOEXEC && is_path(options->image))
                return;
        if (!suggest_is_command(options, e->code)) {
                hint_pull(options->image, e);
                return;
        }
        add_words(&w, (const char *const *)argv + 1, image_at - 1);
        add_word(&w, "--");
        add_words(&w, (const char *const *)argv + image_at, (size_t)argc - image_at);
        if (e->code == ENOEXEC && access(options->image, X_OK) < 0)
                err_hint(e, "chmod +x it, and then: kelp run%s", w.text);
        else
                err_hint(e, "did you mean: kelp run%s", w.text);
}
