#include "learn-words.h"

#include "help.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
        "Usage:  kelp learn -o FILE [OPTIONS] -- COMMAND [ARG...]\n\n"
        "Runs the command contained, watches what it asks for, and writes a policy under which\n"
        "'kelp run --policy FILE -- COMMAND' can do that again and little else. What it writes\n"
        "while it is watched goes nowhere: the current directory and your home are overlays that\n"
        "are thrown away. Keys and passwords are hidden from it. It reaches hosts by name alone.\n\n"
        "Options:\n"
        "  -o, --output FILE      Write the policy to FILE, which must not be there yet\n"
        "      --merge            Add to the policy in FILE what it lacks; all that it says stays\n"
        "      --force            Replace FILE\n"
        "      --allow-any-host   Let it reach addresses as well as names\n\n"
        "Options as of kelp run: --allow, --deny, --host-port, --writable, --readable, --hide,\n"
        "--env, --workdir, --add-host, --ulimit, --timeout, --tty, --interactive.\n\n"
        "Exit status: the command's own; 125 when there is no policy; 126 and 127 as of kelp run.\n";

int learn_print_help(void)
{
        fputs(usage, stdout);
        return help_end();
}

struct run_option {
        const char *name;
        bool is_needed_again; /* a policy that was learnt does not say it */
};

static const struct run_option run_options[] = {
        { "allow", false },    { "deny", false },        { "writable", false },
        { "readable", false }, { "hide", false },        { "timeout", false },
        { "tty", false },      { "interactive", false }, { "host-port", false },
        { "env", true },       { "workdir", true },      { "add-host", true },
        { "ulimit", true },
};

static const struct run_option *find_run_option(const char *name)
{
        for (size_t i = 0; i < sizeof(run_options) / sizeof(run_options[0]); i++) {
                if (str_eq(run_options[i].name, name))
                        return &run_options[i];
        }
        return NULL;
}

/* 1: taken; 0: it is none of ours. */
static int take_word(int argc, char **argv, int *at, struct learn_words *w, struct err *e)
{
        const char *word = argv[*at];
        const char *value = NULL;

        if (str_eq(word, "--merge")) {
                w->is_merge = true;
        } else if (str_eq(word, "--force")) {
                w->is_forced = true;
        } else if (str_eq(word, "--allow-any-host")) {
                w->allows_any_host = true;
        } else if (str_eq(word, "-h") || str_eq(word, "--help")) {
                w->wants_help = true;
        } else if (str_eq(word, "-o") || str_eq(word, "--output")) {
                if (*at + 1 == argc || str_eq(argv[*at + 1], "--"))
                        return err_set(e, EINVAL, "option '%s' needs a value: %s FILE", word, word);
                value = argv[++*at];
        } else if (str_has_prefix(word, "--output=")) {
                value = strchr(word, '=') + 1;
        } else if (str_has_prefix(word, "-o")) {
                value = word + 2;
        } else {
                return 0;
        }
        if (value)
                w->output = value;
        return 1;
}

static int name_given(struct arena *a, struct learn_words *w, struct err *e)
{
        w->given = "";
        for (size_t i = 0; i < w->options.n; i++) {
                const char *name = w->options.uses[i].row->name;
                const struct run_option *option = find_run_option(name);

                if (!option) {
                        err_set(e, EINVAL, "option '--%s' is none of kelp learn", name);
                        return err_hint(e, "kelp learn --help lists those that are");
                }
                if (!option->is_needed_again || strstr(w->given, name))
                        continue;
                w->given = arena_print(a, e, "%s%s--%s", w->given, w->given[0] ? ", " : "", name);
                if (!w->given)
                        return -e->code;
        }
        return 0;
}

static int check(const struct learn_words *w, struct err *e)
{
        if (!w->options.is_host && w->options.image) {
                err_set(e, EINVAL, "'kelp learn' watches a command on a view of this host");
                return err_hint(e, "kelp learn -o FILE -- %s ...; an image has no policy to learn",
                                w->options.image);
        }
        if (w->options.n_args == 0) {
                err_set(e, EINVAL, "there is no command");
                return err_hint(e, "kelp learn -o FILE -- COMMAND");
        }
        if (!w->output || w->output[0] == '\0') {
                err_set(e, EINVAL, "there is no file for the policy");
                return err_hint(e, "kelp learn -o FILE -- %s ...", w->options.args[0]);
        }
        if (str_eq(w->output, "-")) {
                err_set(e, EINVAL, "option '-o': '-' is no file, and stdout is the command's own");
                return err_hint(e, "-o ./-.policy is one of that name");
        }
        if (w->is_merge && w->is_forced) {
                err_set(e, EINVAL, "--merge keeps what is in '%s', and --force replaces it",
                        w->output);
                return err_hint(e, "leave out one of them");
        }
        return 0;
}

int learn_parse(struct arena *a, int argc, char **argv, struct learn_words *ret, struct err *e)
{
        struct learn_words w = { 0 };
        const char **rest = arena_alloc(a, ((size_t)argc + 1) * sizeof(*rest), e);
        size_t n = 0;
        int i = 1;

        if (!rest)
                return -e->code;
        for (; i < argc && !str_eq(argv[i], "--"); i++) {
                int r = take_word(argc, argv, &i, &w, e);

                if (r < 0)
                        return r;
                if (r == 0)
                        rest[n++] = argv[i];
        }
        for (; i < argc; i++)
                rest[n++] = argv[i];
        *ret = w;
        if (w.wants_help)
                return 0;
        if (option_parse(a, n, rest, &ret->options, e) < 0 || name_given(a, ret, e) < 0)
                return -e->code;
        return check(ret, e);
}
