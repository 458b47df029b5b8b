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
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * import, images, rmi, export, rm and commit are the work of kelp-image, which takes this process's place: it has
 * the archive and JSON libraries, and it confines itself before it reads what others wrote.
 */

/* For what a sandbox has made, kelp-image is to be who the sandbox's root was. */
enum ids {
        IDS_OWN,
        IDS_IF_MARKED, /* where one of the sandboxes that are named has files of other ids */
        IDS_ALWAYS,
};

struct image_command {
        const char *name;
        const char *helper; /* the helper's word for it */
        int min;            /* words that it takes */
        int max;
        enum ids ids;
        const char *argument; /* what the first word is */
        const char *usage;
};

static const struct image_command image_commands[] = {
        { "import", "import", 1, 2, IDS_OWN, "a FILE",
          "Usage:  kelp import FILE [NAME]\n\n"
          "Takes an image into the store: a tar archive of a root (plain, gzip, xz or zstd), an\n"
          "archive of docker save, an OCI archive or an OCI layout directory; '-' reads an archive\n"
          "from stdin. Without NAME it is called after the file.\n" },
        { "images", "list", 0, 0, IDS_OWN, NULL,
          "Usage:  kelp images [--json]\n\n"
          "Lists the images in the store.\n" },
        { "rmi", "remove", 1, 1000, IDS_OWN, "the NAME of an image",
          "Usage:  kelp rmi NAME|ID...\n\n"
          "Removes images from the store, and what no other image needs of theirs.\n" },
        { "export", "export", 1, 1, IDS_OWN, "the NAME of an image",
          "Usage:  kelp export NAME|ID -o FILE [--format oci-archive|docker-archive]\n\n"
          "Writes an image to a file, for kelp import, skopeo, podman, buildah and docker: an OCI\n"
          "archive, or what docker save writes. '-o -' writes to stdout.\n" },
        { "rm", "forget", 1, 1000, IDS_IF_MARKED, "the NAME of a sandbox",
          "Usage:  kelp rm NAME...\n\n"
          "Removes sandboxes that 'kelp run --keep' has kept.\n" },
        { "commit", "commit", 2, 2, IDS_ALWAYS, "a SANDBOX and a NAME",
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
        const char **items; /* as the helper takes them, NULL-terminated */
        const char **given; /* those of them that the user gave */
        bool wants_help;
};

/* An option as the helper writes it. */
struct image_option {
        const char *command;
        const char *name;
        const char *letter; /* "-o", or NULL */
        bool has_value;
};

static const struct image_option image_options[] = {
        { "images", "--json", NULL, false },
        { "export", "--output", "-o", true },
        { "export", "--format", NULL, true },
};

/* The option that `arg` is, with *ret_value behind "=" or NULL. */
static const struct image_option *find_option(const struct image_command *command, const char *arg,
                                              const char **ret_value)
{
        for (size_t i = 0; i < sizeof(image_options) / sizeof(image_options[0]); i++) {
                const struct image_option *o = &image_options[i];
                size_t len = strlen(o->name);

                if (!str_eq(o->command, command->name))
                        continue;
                *ret_value = NULL;
                if (str_eq(arg, o->name) || (o->letter && str_eq(arg, o->letter)))
                        return o;
                *ret_value = arg + len + 1;
                if (o->has_value && str_has_prefix(arg, o->name) && arg[len] == '=')
                        return o;
        }
        return NULL;
}

/*
 * Takes options out of the words, up to "--", and gives them to the helper.  What is none of this
 * command's is refused here, in our words.
 */
static int take_options(const struct image_command *command, int *argc, char **argv,
                        struct words *w, size_t *n, struct err *e)
{
        bool has_ended = false;
        int kept = 1;

        for (int i = 1; i < *argc; i++) {
                const char *value;
                const struct image_option *o =
                        has_ended ? NULL : find_option(command, argv[i], &value);

                if (o) {
                        w->items[(*n)++] = o->name;
                        if (o->has_value && !value && i + 1 == *argc)
                                return err_set(e, EINVAL, "option '%s' needs a value", argv[i]);
                        if (o->has_value)
                                w->items[(*n)++] = value ? value : argv[++i];
                } else if (!has_ended && str_eq(argv[i], "--")) {
                        has_ended = true;
                } else if (!has_ended && (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))) {
                        w->wants_help = true;
                } else if (!has_ended && argv[i][0] == '-' && argv[i][1] != '\0') {
                        return err_set(e, EINVAL, "unknown option '%s'", argv[i]);
                } else {
                        argv[kept++] = argv[i];
                }
        }
        *argc = kept;
        return 0;
}

/* The helper's own command line for ours. */
static int make_words(const struct image_command *command, int argc, char **argv,
                      struct arena *arena, const char *store, struct words *ret, struct err *e)
{
        size_t n = 0;

        ret->items = arena_alloc(arena, ((size_t)argc + 8) * sizeof(*ret->items), e);
        if (!ret->items)
                return -e->code;
        ret->items[n++] = "kelp-image";
        ret->items[n++] = "--store";
        ret->items[n++] = store;
        ret->items[n++] = command->helper;
        int r = take_options(command, &argc, argv, ret, &n, e);
        if (r == 0 && ret->wants_help)
                return 0;
        if (r == 0 && argc - 1 > command->max)
                r = err_set(e, EINVAL, "unexpected word '%s'", argv[argc - 1]);
        else if (r == 0 && argc - 1 < command->min)
                r = err_set(e, EINVAL, "'kelp %s' needs %s", command->name, command->argument);
        if (r < 0)
                return err_hint(e, "kelp %s --help", command->name);
        ret->items[n++] = "--";
        ret->given = ret->items + n;
        for (int i = 1; i < argc; i++)
                ret->items[n++] = argv[i];
        ret->items[n] = NULL;
        return 0;
}

/* Whether `name` is a sandbox that was kept with subordinate ids, or what is left of some such one. */
static bool has_other_ids(int kept, const char *name)
{
        char path[NAME_MAX + 16];

        if (strchr(name, '/') || snprintf(path, sizeof(path), "%s/subids", name) >= NAME_MAX)
                return false;
        return faccessat(kept, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool needs_ids(int kept, const struct words *words)
{
        autofd fd = openat(kept, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        for (const char **name = words->given; *name; name++) {
                if (has_other_ids(kept, *name))
                        return true;
        }
        if (!dir)
                return false;
        fd_take(&fd);
        while ((entry = readdir(dir))) {
                if (str_has_prefix(entry->d_name, ".gone-") && has_other_ids(kept, entry->d_name))
                        return true;
        }
        return false;
}

static int take_ids(const struct image_command *command, struct arena *arena, const char *store,
                    const struct words *words, struct err *e)
{
        if (command->ids == IDS_OWN)
                return 0;
        if (command->ids == IDS_ALWAYS)
                return ids_enter(e);
        const char *path = kept_path(arena, store, e);
        if (!path)
                return -e->code;
        autofd kept = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (kept < 0 || !needs_ids(kept, words))
                return 0;
        return ids_enter(e);
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
        if (!words.wants_help && take_ids(command, arena, store, &words, e) == 0)
                return become_helper(arena, &words, e);
        if (e->code)
                return -e->code;
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
