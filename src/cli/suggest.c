#include "suggest.h"

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
        char text[400];
        size_t len;
};

/* What does not fit is cut. */
static void add_word(struct words *w, const char *word)
{
        char quoted[400];
        int n = snprintf(w->text + w->len, sizeof(w->text) - w->len, " %s",
                         word_quote(quoted, sizeof(quoted), word));

        w->len += n > 0 ? (size_t)n : 0;
        if (w->len >= sizeof(w->text))
                w->len = sizeof(w->text) - 1;
}

void suggest_command(const struct option_list *options, int argc, char **argv, struct err *e)
{
        struct words w = { .len = 0 };
        int image_at = argc - (int)options->n_args - 1;

        bool is_path = strchr("/.", options->image[0]) != NULL;

        /* nobody executes an archive */
        if (e->code != ENOEXEC && is_path && strstr(options->image, ".tar"))
                return;
        if (e->code != ENOEXEC && !is_path && !is_in_path(options->image)) {
                err_hint(e, "kelp pull %s, kelp import FILE %s, or a path like ./%s",
                         options->image, options->image, options->image);
                return;
        }
        for (int i = 1; i < argc; i++) {
                if (i == image_at)
                        add_word(&w, "--");
                add_word(&w, argv[i]);
        }
        if (e->code == ENOEXEC && access(options->image, X_OK) < 0)
                err_hint(e, "chmod +x it, and then: kelp run%s", w.text);
        else if (is_path && e->code != ENOEXEC)
                err_hint(e, "a command stands behind '--': kelp run%s", w.text);
        else
                err_hint(e, "did you mean: kelp run%s", w.text);
}
