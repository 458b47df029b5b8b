#include "commands.h"
#include "enter-ids.h"
#include "facts.h"
#include "fd.h"
#include "helper-find.h"
#include "log.h"
#include "run-sandbox.h"
#include "store.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * import, images, rmi, verify, prune, export, rm and commit are the work of kelp-image, which takes
 * this process's place: it has the archive and JSON libraries, and it confines itself before it
 * reads what others wrote.
 */

/* For what a sandbox has made, kelp-image is to be who the sandbox's root was, or can become it. */
enum ids {
        IDS_OWN,
        IDS_TOLD, /* it knows which ids it could have: to remove what belongs to them */
        IDS_ALWAYS,
};

struct image_command {
        const char *name;
        const char *helper; /* the helper's word for it */
        int min;            /* words that it takes */
        int max;
        enum ids ids;
        /* options that the helper takes by the same name, separated by blanks; "=": with a value */
        const char *options;
        const char *argument; /* what the first word is */
        const char *usage;
};

static const struct image_command image_commands[] = {
        { "import", "import", 1, 2, IDS_TOLD, "", "a FILE",
          "Usage:  kelp import FILE [NAME]\n\n"
          "Takes an image into the store: a tar archive of a root (plain, gzip, xz or zstd), an\n"
          "archive of docker save, an OCI archive or an OCI layout directory; '-' reads an archive\n"
          "from stdin. Without NAME it has the name that an archive of docker save gives it, or is\n"
          "called after the file.\n" },
        { "images", "list", 0, 0, IDS_OWN, "--json --quiet -q", NULL,
          "Usage:  kelp images [--json | --quiet]\n\n"
          "Lists the images in the store, by their names. CREATED is when an image says that it was\n"
          "made.\n\n"
          "  -q, --quiet      the ids alone\n" },
        { "rmi", "remove", 1, 1000, IDS_TOLD, "--force -f", "the NAME of an image",
          "Usage:  kelp rmi [--force] NAME|ID...\n\n"
          "Removes images from the store, and what no other image needs of theirs.\n\n"
          "  -f, --force      an image that is given by its id, with all its names\n" },
        { "verify", "verify", 0, 1000, IDS_TOLD, "", NULL,
          "Usage:  kelp verify [NAME|ID...]\n\n"
          "Looks whether what is in the store is what it was when it came there: all of it, or some\n"
          "images. Names what is damaged.\n" },
        { "prune", "prune", 0, 0, IDS_TOLD, "--all --max-size= --dry-run", NULL,
          "Usage:  kelp prune [--all] [--max-size SIZE] [--dry-run]\n\n"
          "Removes images without a name, also those that a path was imported as, and what belongs\n"
          "to no image. What a sandbox uses that runs or is kept stays.\n\n"
          "  --all            all images\n"
          "  --max-size SIZE  then those that were not used for the longest time, until the rest is\n"
          "                   no larger (10M, 2G)\n"
          "  --dry-run        only say what would be removed\n" },
        { "export", "export", 1, 1, IDS_OWN, "-o= --output= --format=", "the NAME of an image",
          "Usage:  kelp export NAME|ID -o FILE [--format oci-archive|docker-archive]\n\n"
          "Writes an image to a file, for kelp import, skopeo, podman, buildah and docker: an OCI\n"
          "archive, or what docker save writes. '-o -' writes to stdout.\n" },
        { "rm", "forget", 1, 1000, IDS_TOLD, "", "the NAME of a sandbox",
          "Usage:  kelp rm NAME...\n\n"
          "Removes sandboxes that 'kelp run --keep' has kept.\n" },
        { "commit", "commit", 2, 2, IDS_ALWAYS, "", "a SANDBOX and a NAME",
          "Usage:  kelp commit SANDBOX NAME[:TAG]\n\n"
          "Makes an image of a sandbox that 'kelp run --keep' has kept: its image, and what was\n"
          "changed as a layer on top.\n" },
};

static const struct image_command *find_command(const char *name)
{
        const struct image_command *command = image_commands;

        while (!str_eq(command->name, name))
                command++;
        return command;
}

struct words {
        const char **items; /* as the helper takes them, NULL-terminated: options, ... */
        size_t n;
        char **given; /* ... and words, so that none of them is an option */
        int n_given;
        bool has_ended;
        bool wants_help;
};

/* Whether `arg` is the option that ends at `len`; *ret_value: it has one. */
static bool has_option(const char *options, const char *arg, size_t len, bool *ret_value)
{
        for (const char *at = options; *at;) {
                size_t size = strcspn(at, " =");

                *ret_value = at[size] == '=';
                if (size == len && memcmp(at, arg, len) == 0)
                        return true;
                at += size + *ret_value;
                at += strspn(at, " ");
        }
        return false;
}

static int unknown_option(const struct image_command *command, const char *word,
                          struct arena *arena, struct err *e)
{
        const char *known[8] = { "--help" };
        size_t n = 1;

        for (const char *at = command->options; *at && n + 1 < sizeof(known) / sizeof(known[0]);) {
                size_t len = strcspn(at, " =");

                known[n] = arena_copy_n(arena, at, len, e);
                if (!known[n++])
                        return -e->code;
                at += len + (at[len] == '=');
                at += strspn(at, " ");
        }
        const char *nearest = str_nearest(word, known);
        err_set(e, EINVAL, "unknown option '%s'", word);
        /* a letter is near to every other */
        if (nearest && strlen(word) > 2)
                return err_hint(e, "did you mean '%s'", nearest);
        return err_hint(e, "kelp %s --help", command->name);
}

/* The helper's option for one that has a letter here, too. */
static const char *long_name(const char *option, size_t len)
{
        static const char *const names[][2] = { { "-o", "--output" }, { "-q", "--quiet" } };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (strlen(names[i][0]) == len && memcmp(option, names[i][0], len) == 0)
                        return names[i][1];
        }
        return NULL;
}

/* What is joined to the letter of an option, "-oFILE"; NULL: nothing. */
static char *joined_value(const struct image_command *command, char *arg)
{
        bool wants_value = false;

        if (arg[1] == '-' || strlen(arg) < 3 || arg[2] == '=' ||
            !has_option(command->options, arg, 2, &wants_value) || !wants_value)
                return NULL;
        return arg + 2;
}

/*
 * Takes one option off the arguments, "--name value", "--name=value" or "-ovalue", and says how many
 * they were.
 */
static int take_option(const struct image_command *command, char **argv, struct arena *arena,
                       struct words *w, struct err *e)
{
        char *value = joined_value(command, argv[0]);
        size_t len = value ? 2 : strcspn(argv[0], "=");
        bool wants_value = false;

        if (!value && argv[0][len] == '=')
                value = argv[0] + len + 1;
        bool has_value = value != NULL;

        if (!has_option(command->options, argv[0], len, &wants_value))
                return unknown_option(command, argv[0], arena, e);
        if (has_value && !wants_value)
                err_set(e, EINVAL, "option '%.*s' takes no value", (int)len, argv[0]);
        else if (wants_value && !has_value && !argv[1])
                err_set(e, EINVAL, "option '%s' needs a value", argv[0]);
        if (e->code != 0)
                return err_hint(e, "kelp %s --help", command->name);
        const char *name = long_name(argv[0], len);
        if (!name)
                name = arena_copy_n(arena, argv[0], len, e);
        if (!name)
                return -e->code;
        w->items[w->n++] = name;
        if (wants_value)
                w->items[w->n++] = has_value ? value : argv[1];
        return wants_value && !has_value ? 2 : 1;
}

/* How many arguments were taken: none for --help. */
static int take_argument(const struct image_command *command, char **argv, struct arena *arena,
                         struct words *w, struct err *e)
{
        bool is_option = !w->has_ended && argv[0][0] == '-' && argv[0][1] != '\0';

        if (is_option && str_eq(argv[0], "--")) {
                w->has_ended = true;
                return 1;
        }
        if (is_option && (str_eq(argv[0], "--help") || str_eq(argv[0], "-h"))) {
                w->wants_help = true;
                return 0;
        }
        if (is_option)
                return take_option(command, argv, arena, w, e);
        w->given[w->n_given++] = argv[0];
        return 1;
}

static bool is_about_kept(const struct image_command *command)
{
        return str_eq(command->name, "rm") || str_eq(command->name, "commit");
}

/* Which sandboxes there are to name; false: none. */
static bool hint_kept(const struct image_command *command, const char *store, struct err *e)
{
        struct arena arena = { 0 };
        struct err unused = { 0 };
        const char *path = kept_path(&arena, store, &unused);
        autodir *dir = path ? opendir(path) : NULL;
        struct dirent *entry;
        char names[300] = "";
        size_t used = 0;

        while (dir && used < sizeof(names) && (entry = readdir(dir))) {
                if (entry->d_name[0] != '.')
                        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s",
                                                 entry->d_name);
        }
        if (used > 0)
                err_hint(e, "kelp %s --help; these are kept:%s%s", command->name, names,
                         used < sizeof(names) ? "" : " ...");
        arena_done(&arena);
        return used > 0;
}

/* What the word number `at` is the name of. */
static const char *word_name(const struct image_command *command, int at)
{
        if (str_eq(command->helper, "forget") || (command->ids == IDS_ALWAYS && at == 0))
                return "sandbox";
        return str_eq(command->helper, "import") && at == 0 ? "file" : "image";
}

static int add_given(const struct image_command *command, const char *store, struct words *w,
                     struct err *e)
{
        if (w->n_given > command->max)
                err_set(e, EINVAL, "unexpected word '%s'", w->given[command->max]);
        else if (w->n_given < command->min)
                err_set(e, EINVAL, "'kelp %s' needs %s", command->name, command->argument);
        /* as `docker save` has it elsewhere: the second word is a file */
        if (e->code != 0 && w->n_given == 2 && str_eq(command->name, "export"))
                return err_hint(e, "kelp export %s -o %s", w->given[0], w->given[1]);
        if (e->code != 0 && w->n_given < command->min && is_about_kept(command) &&
            hint_kept(command, store, e))
                return -e->code;
        if (e->code != 0)
                return err_hint(e, "kelp %s --help", command->name);
        w->items[w->n++] = "--";
        for (int i = 0; i < w->n_given; i++) {
                if (!*w->given[i])
                        return err_set(e, EINVAL, "the name of the %s is empty",
                                       word_name(command, i));
                w->items[w->n++] = w->given[i];
        }
        return 0;
}

/* Where there are none, it says so itself when it lacks them. */
static int add_ids(struct arena *arena, struct words *w, struct err *e)
{
        autofree struct id_maps *maps = mem_alloc(sizeof(*maps), e);
        struct err unused = { 0 };

        if (!maps)
                return -e->code;
        if (ids_choose(maps, &unused) < 0 || !maps->by_helper)
                return 0;
        char *text = arena_alloc(arena, ID_MAPS_TEXT_MAX, e);
        if (!text)
                return -e->code;
        id_maps_print(maps, text, ID_MAPS_TEXT_MAX);
        w->items[w->n++] = "--ids";
        w->items[w->n++] = text;
        return 0;
}

/* The helper's own command line for ours; what it does not take is refused here, in our words. */
static int make_words(const struct image_command *command, int argc, char **argv,
                      struct arena *arena, const char *store, struct words *ret, struct err *e)
{
        struct words w = {
                .items = arena_alloc(arena, (2 * (size_t)argc + 10) * sizeof(*w.items), e),
                .given = arena_alloc(arena, (size_t)argc * sizeof(*w.given), e),
        };

        if (!w.items || !w.given)
                return -e->code;
        w.items[w.n++] = "kelp-image";
        w.items[w.n++] = "--store";
        w.items[w.n++] = store;
        w.items[w.n++] = command->helper;
        for (int i = 1; i < argc && !w.wants_help;) {
                int taken = take_argument(command, argv + i, arena, &w, e);

                if (taken < 0)
                        return taken;
                i += taken;
        }
        if (!w.wants_help && command->ids == IDS_TOLD && add_ids(arena, &w, e) < 0)
                return -e->code;
        if (!w.wants_help && add_given(command, store, &w, e) < 0)
                return -e->code;
        *ret = w;
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
        if (!words.wants_help && command->ids == IDS_ALWAYS && ids_enter(e) < 0)
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
