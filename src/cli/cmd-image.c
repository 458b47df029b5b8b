#include "commands.h"
#include "facts.h"
#include "helper-find.h"
#include "log.h"
#include "run-sandbox.h"
#include "store.h"
#include "str.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/*
 * import, images and rmi are the work of kelp-image, which takes this process's place: it has the
 * archive and JSON libraries, and it confines itself before it reads what others wrote.
 */

struct image_command {
        const char *name;
        const char *helper; /* the helper's word for it */
        int min;            /* words that it takes */
        int max;
        bool has_json;
        const char *argument; /* what the first word is */
        const char *usage;
};

static const struct image_command image_commands[] = {
        { "import", "import", 1, 2, false, "a FILE",
          "Usage:  kelp import FILE [NAME]\n\n"
          "Takes an image into the store: a tar archive of a root (plain, gzip, xz or zstd), an\n"
          "archive of docker save, an OCI archive or an OCI layout directory; '-' reads an archive\n"
          "from stdin. Without NAME it is called after the file.\n" },
        { "images", "list", 0, 0, true, NULL,
          "Usage:  kelp images [--json]\n\n"
          "Lists the images in the store.\n" },
        { "rmi", "remove", 1, 1000, false, "the NAME of an image",
          "Usage:  kelp rmi NAME|ID...\n\n"
          "Removes images from the store, and what no other image needs of theirs.\n" },
};

static const struct image_command *find_command(const char *name)
{
        const struct image_command *command = image_commands;

        while (!str_eq(command->name, name))
                command++;
        return command;
}

struct words {
        const char **items; /* as the helper takes them, NULL-terminated */
        bool wants_help;
};

/* The helper's own command line for ours; what it does not take is refused here, in our words. */
static int make_words(const struct image_command *command, int argc, char **argv,
                      struct arena *arena, const char *store, struct words *ret, struct err *e)
{
        const char **items = arena_alloc(arena, ((size_t)argc + 8) * sizeof(*items), e);
        bool has_ended = false;
        int n = 0;
        int given = 0;

        if (!items)
                return -e->code;
        items[n++] = "kelp-image";
        items[n++] = "--store";
        items[n++] = store;
        items[n++] = command->helper;
        if (argc > 1 && command->has_json && str_eq(argv[1], "--json")) {
                items[n++] = argv[1];
                argv++;
                argc--;
        }
        items[n++] = "--";
        for (int i = 1; i < argc; i++) {
                if (!has_ended && str_eq(argv[i], "--")) {
                        has_ended = true;
                } else if (!has_ended && (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))) {
                        ret->wants_help = true;
                        return 0;
                } else if (!has_ended && argv[i][0] == '-' && argv[i][1] != '\0') {
                        err_set(e, EINVAL, "unknown option '%s'", argv[i]);
                        return err_hint(e, "kelp %s --help", command->name);
                } else {
                        items[n++] = argv[i];
                        given++;
                }
        }
        if (given > command->max)
                err_set(e, EINVAL, "unexpected word '%s'", items[n - 1]);
        else if (given < command->min)
                err_set(e, EINVAL, "'kelp %s' needs %s", command->name, command->argument);
        if (e->code != 0)
                return err_hint(e, "kelp %s --help", command->name);
        ret->items = items;
        return 0;
}

static int become_helper(struct arena *arena, const struct words *words, struct err *e)
{
        static const char *const env[] = {
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                NULL,
        };
        const char *helper = helper_find(arena, "kelp-image", e);

        if (!helper)
                return -e->code;
        signal(SIGPIPE, SIG_DFL);
        execve(helper, (char *const *)words->items, (char *const *)env);
        return err_sys(e, "cannot execute '%s'", helper);
}

static int run_image(int argc, char **argv, struct arena *arena, struct err *e)
{
        const struct image_command *command = find_command(argv[0]);
        struct words words = { 0 };
        struct plan_facts facts;

        if (facts_find(arena, &facts, e) < 0)
                return -e->code;
        const char *store = store_path(arena, facts.home, e);
        if (!store || make_words(command, argc, argv, arena, store, &words, e) < 0)
                return -e->code;
        if (!words.wants_help)
                return become_helper(arena, &words, e);
        fputs(command->usage, stdout);
        return fflush(stdout) == 0 ? 0 : err_sys(e, "cannot write to stdout");
}

int cmd_image(int argc, char **argv)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        int r = run_image(argc, argv, &arena, &e);

        if (r < 0)
                log_err(&e);
        arena_done(&arena);
        return r < 0 ? EXIT_FAILED : 0;
}
