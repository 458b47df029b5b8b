#include "arguments.h"

#include "str.h"

#include <errno.h>
#include <stdbool.h>

struct option_row {
        const char *name;
        bool has_value;
};

static const struct option_row options[] = {
        [OPTION_JSON] = { "--json", false },
        [OPTION_PATH_KEY] = { "--path-key", true },
        [OPTION_SESSION_FD] = { "--session-fd", true },
        [OPTION_IDS] = { "--ids", true },
        [OPTION_ALL] = { "--all", false },
        [OPTION_DRY_RUN] = { "--dry-run", false },
        [OPTION_MAX_SIZE] = { "--max-size", true },
        [OPTION_OUTPUT] = { "--output", true },
        [OPTION_FORMAT] = { "--format", true },
        [OPTION_FORCE] = { "--force", false },
        [OPTION_F] = { "-f", false },
        [OPTION_QUIET] = { "--quiet", false },
        [OPTION_DIRECTORY] = { "--directory", true },
};

int arguments_usage(struct err *e, const char *arg)
{
        if (arg)
                err_set(e, EINVAL, "unknown or incomplete argument '%.200s'", arg);
        else
                err_set(e, EINVAL, "a command is missing");
        return err_hint(
                e, "kelp-image --store DIR import FILE [NAME] [--path-key KEY] | "
                   "list [--json | --quiet] | remove [--force] NAME|ID... | unpack --ids MAPS ID | "
                   "prune [--all] [--max-size N] [--dry-run] | verify [NAME|ID...] | "
                   "export NAME|ID --output FILE [--format FORMAT] | "
                   "forget SANDBOX... | commit SANDBOX NAME | "
                   "flatten LAYER... | flatten --directory DIR");
}

/* The option `arg`, or OPTION_COUNT. */
static size_t find_option(const char *arg)
{
        size_t i = 0;

        while (i < OPTION_COUNT && !str_eq(options[i].name, arg))
                i++;
        return i;
}

/* Options may stand anywhere; behind "--" there are none. */
int arguments_parse(int argc, char **argv, struct arguments *ret, struct err *e)
{
        bool has_ended = false;

        ret->words = argv;
        for (int i = 1; i < argc; i++) {
                char *arg = argv[i];
                size_t option = find_option(arg);

                if (has_ended || arg[0] != '-' || str_eq(arg, "-"))
                        ret->words[ret->n_words++] = arg;
                else if (str_eq(arg, "--"))
                        has_ended = true;
                else if (str_eq(arg, "--store") && i + 1 < argc)
                        ret->store = argv[++i];
                else if (option < OPTION_COUNT && !options[option].has_value)
                        ret->values[option] = arg;
                else if (option < OPTION_COUNT && i + 1 < argc)
                        ret->values[option] = argv[++i];
                else
                        return arguments_usage(e, arg);
        }
        if (ret->n_words == 0)
                return arguments_usage(e, NULL);
        if (!ret->store || !*ret->store)
                return err_set(e, EINVAL, "--store DIR is missing");
        if (ret->values[OPTION_IDS] && id_maps_parse(ret->values[OPTION_IDS], &ret->ids, e) < 0)
                return -e->code;
        return 0;
}

const char *arguments_option_name(enum option option)
{
        return options[option].name;
}
