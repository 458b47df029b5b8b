/*
 * kelp-image: the image store.  Called by kelp with a fixed environment, and by hand:
 *
 *     kelp-image --store DIR import FILE [NAME] [--path-key KEY]
 *     kelp-image --store DIR import --session-fd N [--quiet] NAME    called by kelp-pull
 *     kelp-image --store DIR list [--json | --quiet]
 *     kelp-image --store DIR remove [--force] NAME|ID...
 *     kelp-image --store DIR unpack --ids MAPS ID     (id_maps_print())
 *     kelp-image --store DIR prune [--all] [--max-size N] [--dry-run]
 *     kelp-image --store DIR export NAME|ID --output FILE [--format FORMAT]
 *     kelp-image --store DIR forget SANDBOX...
 *     kelp-image --store DIR commit SANDBOX NAME      as root of the sandbox's ids
 *     kelp-image --store DIR verify [NAME|ID...]
 *     kelp-image --store DIR flatten LAYER... | --directory DIR    called by kelp: see flatten.h
 *
 * import, remove, prune, forget and verify take `--ids MAPS`, too: what the user has, to remove
 * files of his subordinate ids that were left.
 *
 * Exit status: 0; 125 when it failed; 126 when `unpack` cannot have its ids, and one id would do;
 * 128 and the signal when one ended it.
 */

#include "arguments.h"
#include "catalog.h"
#include "commit.h"
#include "err.h"
#include "export.h"
#include "fd.h"
#include "flatten.h"
#include "helper-exit.h"
#include "import.h"
#include "index.h"
#include "kept.h"
#include "log.h"
#include "mem.h"
#include "output.h"
#include "parse.h"
#include "prune.h"
#include "ref.h"
#include "remove.h"
#include "store.h"
#include "str.h"
#include "subids.h"
#include "tell.h"
#include "verify.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int open_store(struct store *store, const struct arguments *args, bool create, struct err *e)
{
        store->remove = subids_remove_tree;
        store->ids = args->values[OPTION_IDS] ? &args->ids : NULL;
        store->mend = index_mend;
        return store_open(store, args->store, create, e);
}

/* The name that was given, or else the one that the file's own name makes, if it makes one. */
static int choose_name(const struct arguments *args, char *ret, struct err *e)
{
        struct err unused = { 0 };

        if (args->n_words == 3)
                return ref_parse(args->words[2], ret, e);
        if (args->values[OPTION_PATH_KEY] || str_eq(args->words[1], "-") ||
            ref_from_path(args->words[1], ret, &unused) < 0)
                ret[0] = '\0';
        return 0;
}

/* For whoever changes what is in it. */
static int open_to_change(struct store *store, const struct arguments *args, bool create,
                          struct err *e)
{
        bool was_damaged;

        if (open_store(store, args, create, e) < 0 || index_repair(store, &was_damaged, e) < 0)
                return -e->code;
        if (was_damaged)
                tell_repaired(args->store);
        return 0;
}

/* What is imported, and the name it gets: a file, or the layout of a session. */
static int make_request(const struct arguments *args, struct import_request *ret, char *name,
                        struct err *e)
{
        const char *path_key = args->values[OPTION_PATH_KEY];
        const char *session_fd = args->values[OPTION_SESSION_FD];
        uint64_t fd;

        *ret = (struct import_request){ .path_key = path_key, .session = -1 };
        if (session_fd) {
                if (args->n_words != 2 || path_key)
                        return arguments_usage(e, args->words[args->n_words - 1]);
                if (parse_number(session_fd, 3, INT_MAX, &fd, e) < 0 ||
                    fd_set_cloexec((int)fd, true, e) < 0 ||
                    ref_parse_any(args->words[1], name, e) < 0)
                        return -e->code;
                ret->session = (int)fd;
                ret->name = name;
                return 0;
        }
        if (path_key && ref_check_path_key(path_key, e) < 0)
                return -e->code;
        if (choose_name(args, name, e) < 0)
                return -e->code;
        ret->file = args->words[1];
        ret->name = name[0] ? name : NULL;
        ret->takes_tag = args->n_words == 2 && !path_key;
        return 0;
}

static bool is_named(const struct arguments *args)
{
        return args->n_words == 3 || args->values[OPTION_SESSION_FD];
}

static int run_import(const struct arguments *args, int *ret_status, struct err *e)
{
        struct import_request request;
        struct import_result result;
        char name[REF_MAX + 1];
        autostore store = STORE_NONE;

        if (make_request(args, &request, name, e) < 0 || open_to_change(&store, args, true, e) < 0)
                return -e->code;
        if (import_run(&store, &request, &result, e) < 0) {
                if (result.signal)
                        *ret_status = 128 + result.signal;
                return err_prefix(e, "cannot import '%.200s'", args->words[1]);
        }
        tell_imported(&result);
        if (!args->values[OPTION_QUIET])
                tell_name(&result, is_named(args));
        printf("sha256:%s\n", result.id.hex);
        return output_finish(stdout, "the import is done, but the image's id cannot be printed", e);
}

static int run_list(const struct arguments *args, int *ret_status, struct err *e)
{
        autostore store = STORE_NONE;
        autocatalog catalog = { 0 };

        (void)ret_status;
        /* a store that was not made yet has no images */
        if (open_store(&store, args, false, e) < 0 && e->code != ENOENT)
                return -e->code;
        if (store.names >= 0 && store.layers[STORE_SINGLE] >= 0 &&
            catalog_load(&store, &catalog, e) < 0)
                return -e->code;
        struct err why = { 0 };
        for (size_t i = 0; catalog_get_damage(&catalog, i, &why); i++)
                log_err(&why);
        if (args->values[OPTION_QUIET])
                return catalog_print_ids(&catalog, stdout, e);
        return args->values[OPTION_JSON] ? catalog_print_json(&catalog, stdout, e)
                                         : catalog_print(&catalog, stdout, e);
}

static int run_remove(const struct arguments *args, int *ret_status, struct err *e)
{
        autostore store = STORE_NONE;

        (void)ret_status;
        if (open_to_change(&store, args, false, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                return err_set(e, ENOENT, "there is no image '%.200s': the image store is empty",
                               args->words[1]);
        }
        bool is_forced = args->values[OPTION_FORCE] || args->values[OPTION_F];
        int r = remove_images(&store, args->words + 1, args->n_words - 1, is_forced, stdout, e);
        if (r == 0)
                tell_damaged_names(&store);
        return r;
}

static int run_unpack(const struct arguments *args, int *ret_status, struct err *e)
{
        autostore store = STORE_NONE;
        struct digest id;
        int signal = 0;

        if (!args->values[OPTION_IDS])
                return arguments_usage(e, args->words[0]);
        if (digest_parse(args->words[1], &id, e) < 0 || open_store(&store, args, false, e) < 0)
                return -e->code;
        if (subids_unpack(&store, &id, &args->ids, &signal, e) < 0) {
                /* what is unpacked already does for one id */
                if (e->code == SUBIDS_ERROR || store_is_read_only(e))
                        *ret_status = HELPER_NO_IDS;
                if (signal)
                        *ret_status = 128 + signal;
                if (store_is_read_only(e))
                        err_hint(e, "make the store writable for one run, or: --userns single");
                return err_prefix(e, "cannot unpack for subordinate ids");
        }
        return 0;
}

/* What stays because it is in use is said, a line each. */
static void tell_in_use(char *text)
{
        for (char *at = text, *line; (line = str_next_field(&at, '\n'));) {
                if (*line)
                        log_notice("%s", line);
        }
}

static int run_prune(const struct arguments *args, int *ret_status, struct err *e)
{
        const char *max_size = args->values[OPTION_MAX_SIZE];
        struct prune_request request = {
                .is_all = args->values[OPTION_ALL],
                .is_dry_run = args->values[OPTION_DRY_RUN],
                .has_max_size = max_size,
        };
        autofree char *in_use = mem_alloc(PRUNE_IN_USE_MAX, e);
        autostore store = STORE_NONE;

        (void)ret_status;
        if (!in_use || (max_size && parse_size(max_size, &request.max_size, e) < 0))
                return -e->code;
        if (max_size && request.is_all)
                return err_set(e, EINVAL, "--all leaves nothing for --max-size");
        if (access(args->store, F_OK) < 0 && errno == ENOENT) {
                puts("freed: 0B");
                return output_finish(stdout, "there was nothing to remove, which cannot be printed",
                                     e);
        }
        if (open_store(&store, args, true, e) < 0)
                return -e->code;
        int r = prune_run(&store, &request, stdout, in_use, e);
        tell_in_use(in_use);
        if (r == 0)
                tell_damaged_names(&store);
        return r;
}

/* Sandboxes that are kept, which lie beside the store. */
static int run_forget(const struct arguments *args, int *ret_status, struct err *e)
{
        autostore store = STORE_NONE;

        (void)ret_status;
        if (open_store(&store, args, true, e) < 0)
                return -e->code;
        return kept_remove(&store, args->words + 1, args->n_words - 1, stdout, e);
}

static int run_export(const struct arguments *args, int *ret_status, struct err *e)
{
        const char *format = args->values[OPTION_FORMAT];
        struct export_request request = { .image = args->words[1],
                                          .file = args->values[OPTION_OUTPUT] };
        autostore store = STORE_NONE;
        int signal = 0;

        if (!request.file) {
                err_set(e, EINVAL, "where the archive is to go is missing");
                return err_hint(e, "kelp export %s -o FILE, or -o - for standard output",
                                request.image);
        }
        if (format && export_parse_format(format, &request.format, e) < 0)
                return err_prefix(e, "cannot export '%.100s'", request.image);
        if (open_store(&store, args, false, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                return err_set(e, ENOENT, "there is no image '%.200s': the image store is empty",
                               request.image);
        }
        if (export_run(&store, &request, &signal, e) == 0)
                return 0;
        if (signal)
                *ret_status = 128 + signal;
        return -e->code;
}

static int run_commit(const struct arguments *args, int *ret_status, struct err *e)
{
        struct commit_result result;
        char name[REF_MAX + 1];
        autostore store = STORE_NONE;

        if (geteuid() != 0) {
                err_set(e, EPERM, "the owners of files would be other ones than in the sandbox");
                return err_hint(e, "kelp commit %s %s", args->words[1], args->words[2]);
        }
        if (ref_parse(args->words[2], name, e) < 0 || open_to_change(&store, args, true, e) < 0)
                return -e->code;
        if (commit_run(&store, args->words[1], name, &result, e) < 0) {
                if (result.signal)
                        *ret_status = 128 + result.signal;
                return err_prefix(e, "cannot commit '%.100s'", args->words[1]);
        }
        tell_committed(&result, name);
        printf("sha256:%s\n", result.id.hex);
        return output_finish(stdout, "the commit is done, but the image's id cannot be printed", e);
}

static int run_verify(const struct arguments *args, int *ret_status, struct err *e)
{
        struct verify_result result = { 0 };
        autostore store = STORE_NONE;

        if (access(args->store, F_OK) < 0 && errno == ENOENT)
                return args->n_words > 1 ? err_set(e, ENOENT,
                                                   "there is no image '%.200s': the "
                                                   "image store is empty",
                                                   args->words[1])
                                         : 0;
        if (open_store(&store, args, true, e) < 0)
                return -e->code;
        if (verify_run(&store, args->words + 1, args->n_words - 1, stdout, &result, e) < 0) {
                if (result.signal)
                        *ret_status = 128 + result.signal;
                return -e->code;
        }
        if (result.damaged == 0)
                return 0;
        err_set(e, EIO, "the image store is damaged in %u place%s", result.damaged,
                result.damaged == 1 ? "" : "s");
        return err_hint(e, "%s",
                        result.has_index ? "the next kelp import or kelp rmi writes 'index.json' "
                                           "anew; import images that are damaged again"
                                         : "remove what is damaged (kelp rmi; kelp prune what is "
                                           "of no image), and import it again");
}

static int run_flatten(const struct arguments *args, int *ret_status, struct err *e)
{
        const struct flatten_request request = {
                .layers = args->words + 1,
                .n_layers = args->n_words - 1,
                .directory = args->values[OPTION_DIRECTORY],
                .sock = STDIN_FILENO,
        };
        autostore store = STORE_NONE;
        int signal = 0;

        if (geteuid() != 0)
                return err_set(e, EPERM, "the copy would have another owner than in the sandbox");
        /* the copy itself is not worth its end any more when nobody waits for it */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
                return err_sys(e, "cannot ask to be told of the end of kelp");
        if (open_store(&store, args, true, e) < 0)
                return -e->code;
        int r = flatten_serve(&store, &request, &signal, e);
        if (signal)
                *ret_status = 128 + signal;
        return r;
}

struct command {
        const char *name;
        size_t min_words; /* with the name itself */
        size_t max_words;
        unsigned takes;
        int (*run)(const struct arguments *args, int *ret_status, struct err *e);
};

#define TAKES(option) (1u << (option))

static const struct command commands[] = {
        { "import", 2, 3,
          TAKES(OPTION_PATH_KEY) | TAKES(OPTION_SESSION_FD) | TAKES(OPTION_QUIET) |
                  TAKES(OPTION_IDS),
          run_import },
        { "list", 1, 1, TAKES(OPTION_JSON) | TAKES(OPTION_QUIET), run_list },
        { "remove", 2, SIZE_MAX, TAKES(OPTION_FORCE) | TAKES(OPTION_F) | TAKES(OPTION_IDS),
          run_remove },
        { "unpack", 2, 2, TAKES(OPTION_IDS), run_unpack },
        { "prune", 1, 1,
          TAKES(OPTION_ALL) | TAKES(OPTION_DRY_RUN) | TAKES(OPTION_MAX_SIZE) | TAKES(OPTION_IDS),
          run_prune },
        { "export", 2, 2, TAKES(OPTION_OUTPUT) | TAKES(OPTION_FORMAT), run_export },
        { "forget", 2, SIZE_MAX, TAKES(OPTION_IDS), run_forget },
        { "commit", 3, 3, 0, run_commit },
        { "verify", 1, SIZE_MAX, TAKES(OPTION_IDS), run_verify },
        { "flatten", 1, SIZE_MAX, TAKES(OPTION_DIRECTORY), run_flatten },
};

static int run_command(const struct arguments *args, int *ret_status, struct err *e)
{
        const struct command *command = commands;
        const struct command *end = commands + sizeof(commands) / sizeof(commands[0]);

        while (command < end && !str_eq(command->name, args->words[0]))
                command++;
        if (command == end || args->n_words < command->min_words)
                return arguments_usage(e, args->words[0]);
        if (args->n_words > command->max_words)
                return arguments_usage(e, args->words[command->max_words]);
        for (enum option i = 0; i < OPTION_COUNT; i++) {
                if (args->values[i] && !(command->takes & TAKES(i)))
                        return arguments_usage(e, arguments_option_name(i));
        }
        return command->run(args, ret_status, e);
}

/* Whether another store would do as well. */
static bool is_adding(const char *command)
{
        static const char *const names[] = { "import", "unpack", "commit", "flatten" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(command, names[i]))
                        return true;
        }
        return false;
}

int main(int argc, char **argv)
{
        struct arguments args = { 0 };
        struct err e = { 0 };
        int status = HELPER_FAILED;

        /* no setlocale(): tar.c says why */
        int r = fd_fill_standard(&e);
        if (r == 0)
                r = arguments_parse(argc, argv, &args, &e);
        if (r == 0) {
                r = run_command(&args, &status, &e);
                if (r < 0 && e.code == SUBIDS_ERROR && !is_adding(args.words[0]))
                        err_hint(&e, "`kelp doctor` says what is wrong with subordinate ids");
                /* an archive that is written is on its own file system, and has a hint of it */
                if (r < 0 && !args.values[OPTION_OUTPUT])
                        store_hint_elsewhere(args.store, is_adding(args.words[0]), &e);
        }
        if (r < 0) {
                log_err(&e);
                return status;
        }
        return 0;
}
