/*
 * kelp-image: the image store.  Called by kelp with a fixed environment, and by hand:
 *
 *     kelp-image --store DIR import FILE [NAME] [--path-key KEY]
 *     kelp-image --store DIR list [--json]
 *     kelp-image --store DIR remove NAME|ID...
 *     kelp-image --store DIR export NAME|ID --output FILE [--format FORMAT]
 *     kelp-image --store DIR forget SANDBOX...
 *     kelp-image --store DIR commit SANDBOX NAME      as root of the sandbox's ids
 *
 * Exit status: 0; 125 when it failed; 128 and the signal when one ended an import.
 */

#include "catalog.h"
#include "commit.h"
#include "err.h"
#include "export.h"
#include "fd.h"
#include "import.h"
#include "kept.h"
#include "log.h"
#include "ref.h"
#include "remove.h"
#include "store.h"
#include "str.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_FAILED 125

struct arguments {
        const char *store;
        const char *path_key;
        const char *output;
        const char *format;
        bool json;
        char **words; /* the command and what follows it, without options */
        size_t n_words;
};

static int usage(struct err *e, const char *arg)
{
        if (arg)
                err_set(e, EINVAL, "unknown or incomplete argument '%.200s'", arg);
        else
                err_set(e, EINVAL, "a command is missing");
        return err_hint(
                e,
                "kelp-image --store DIR import FILE [NAME] [--path-key KEY] | "
                "list [--json] | remove NAME|ID... | "
                "export NAME|ID --output FILE [--format FORMAT] | forget SANDBOX... | commit SANDBOX NAME");
}

/* Options may stand anywhere; behind "--" there are none. */
static int parse(int argc, char **argv, struct arguments *ret, struct err *e)
{
        bool has_ended = false;

        ret->words = argv;
        for (int i = 1; i < argc; i++) {
                char *arg = argv[i];

                if (has_ended || arg[0] != '-' || str_eq(arg, "-"))
                        ret->words[ret->n_words++] = arg;
                else if (str_eq(arg, "--"))
                        has_ended = true;
                else if (str_eq(arg, "--json"))
                        ret->json = true;
                else if (str_eq(arg, "--store") && i + 1 < argc)
                        ret->store = argv[++i];
                else if (str_eq(arg, "--path-key") && i + 1 < argc)
                        ret->path_key = argv[++i];
                else if (str_eq(arg, "--output") && i + 1 < argc)
                        ret->output = argv[++i];
                else if (str_eq(arg, "--format") && i + 1 < argc)
                        ret->format = argv[++i];
                else
                        return usage(e, arg);
        }
        if (ret->n_words == 0)
                return usage(e, NULL);
        if (!ret->store || !*ret->store)
                return err_set(e, EINVAL, "--store DIR is missing");
        return 0;
}

static void print_notices(const struct import_result *result)
{
        if (result->devices > 0)
                log_notice(
                        "%llu device node%s in the image %s left out: a sandbox has its own /dev",
                        (unsigned long long)result->devices, result->devices == 1 ? "" : "s",
                        result->devices == 1 ? "was" : "were");
        if (result->n_ignored > 0)
                log_notice("%u setting%s of the image's configuration mean%s nothing, ignoring",
                           result->n_ignored, result->n_ignored == 1 ? "" : "s",
                           result->n_ignored == 1 ? "s" : "");
        if (result->architecture[0])
                log_notice("the image is for the architecture '%s', not for this machine's",
                           result->architecture);
}

static int choose_name(const struct arguments *args, char *ret, struct err *e)
{
        ret[0] = '\0';
        if (args->n_words == 3)
                return ref_parse(args->words[2], ret, e);
        if (args->path_key)
                return 0;
        if (str_eq(args->words[1], "-")) {
                err_set(e, EINVAL, "an image from standard input needs a name");
                return err_hint(e, "give one behind the '-': kelp import - NAME");
        }
        return ref_from_path(args->words[1], ret, e);
}

static int run_import(const struct arguments *args, int *ret_status, struct err *e)
{
        struct import_request request = { .path_key = args->path_key };
        struct import_result result;
        char name[REF_MAX + 1];
        autostore store = STORE_NONE;

        if (args->n_words < 2 || args->n_words > 3 || args->json)
                return usage(e, args->n_words > 3 ? args->words[3] : args->words[0]);
        if (args->path_key && ref_check_path_key(args->path_key, e) < 0)
                return -e->code;
        if (choose_name(args, name, e) < 0 || store_open(&store, args->store, true, e) < 0)
                return -e->code;
        request.file = args->words[1];
        request.name = name[0] ? name : NULL;
        if (import_run(&store, &request, &result, e) < 0) {
                if (result.signal)
                        *ret_status = 128 + result.signal;
                return err_prefix(e, "cannot import '%.200s'", request.file);
        }
        print_notices(&result);
        if (printf("sha256:%s\n", result.id.hex) < 0 || fflush(stdout) != 0)
                return err_sys(e, "cannot write the image's id");
        return 0;
}

static int run_list(const struct arguments *args, struct err *e)
{
        autostore store = STORE_NONE;
        autocatalog catalog = { 0 };

        if (args->n_words > 1 || args->path_key)
                return usage(e, args->words[args->n_words - 1]);
        /* a store that was not made yet has no images */
        if (store_open(&store, args->store, false, e) < 0 && e->code != ENOENT)
                return -e->code;
        if (store.names >= 0 && store.layers >= 0 && catalog_load(&store, &catalog, e) < 0)
                return -e->code;
        return args->json ? catalog_print_json(&catalog, stdout, e)
                          : catalog_print(&catalog, stdout, e);
}

static int run_remove(const struct arguments *args, struct err *e)
{
        autostore store = STORE_NONE;

        if (args->n_words < 2 || args->path_key || args->json)
                return usage(e, args->words[0]);
        if (store_open(&store, args->store, false, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                return err_set(e, ENOENT, "there is no image '%.200s': the image store is empty",
                               args->words[1]);
        }
        return remove_images(&store, args->words + 1, args->n_words - 1, stdout, e);
}

/* Sandboxes that are kept, which lie beside the store. */
static int run_forget(const struct arguments *args, struct err *e)
{
        autostore store = STORE_NONE;

        if (args->n_words < 2 || args->path_key || args->json)
                return usage(e, args->words[0]);
        if (store_open(&store, args->store, true, e) < 0)
                return -e->code;
        return kept_remove(&store, args->words + 1, args->n_words - 1, stdout, e);
}

static int run_export(const struct arguments *args, int *ret_status, struct err *e)
{
        struct export_request request = { .file = args->output };
        autostore store = STORE_NONE;
        int signal = 0;

        if (args->n_words != 2 || args->path_key || args->json)
                return usage(e, args->words[0]);
        request.image = args->words[1];
        if (!request.file) {
                err_set(e, EINVAL, "where the archive is to go is missing");
                return err_hint(e, "kelp export %s -o FILE, or -o - for standard output",
                                request.image);
        }
        if (args->format && export_parse_format(args->format, &request.format, e) < 0)
                return -e->code;
        if (store_open(&store, args->store, false, e) < 0) {
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

static void print_left_out(const struct commit_result *result)
{
        if (result->entries == 0)
                log_notice("nothing was changed: the new layer is empty");
        if (result->sockets > 0)
                log_notice("%llu socket%s left out: an image cannot have any",
                           (unsigned long long)result->sockets,
                           result->sockets == 1 ? " was" : "s were");
        if (result->devices > 0)
                log_notice("%llu device node%s left out: a sandbox has its own /dev",
                           (unsigned long long)result->devices,
                           result->devices == 1 ? " was" : "s were");
}

static int run_commit(const struct arguments *args, int *ret_status, struct err *e)
{
        struct commit_result result;
        char name[REF_MAX + 1];
        autostore store = STORE_NONE;

        if (args->n_words != 3 || args->path_key || args->json)
                return usage(e, args->words[0]);
        if (geteuid() != 0) {
                err_set(e, EPERM, "the owners of files would be other ones than in the sandbox");
                return err_hint(e, "kelp commit %s %s", args->words[1], args->words[2]);
        }
        if (ref_parse(args->words[2], name, e) < 0 || store_open(&store, args->store, true, e) < 0)
                return -e->code;
        if (commit_run(&store, args->words[1], name, &result, e) < 0) {
                if (result.signal)
                        *ret_status = 128 + result.signal;
                return err_prefix(e, "cannot commit '%.100s'", args->words[1]);
        }
        print_left_out(&result);
        if (printf("sha256:%s\n", result.id.hex) < 0 || fflush(stdout) != 0)
                return err_sys(e, "cannot write the image's id");
        return 0;
}

int main(int argc, char **argv)
{
        struct arguments args = { 0 };
        struct err e = { 0 };
        int status = EXIT_FAILED;
        int r;

        log_setup("kelp", LOG_LEVEL_NOTICE);
        /* names in archives are bytes: without this libarchive drops those that are not ASCII */
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                r = err_set(&e, ENOENT, "the locale 'C.UTF-8' is missing");
        else
                r = fd_fill_standard(&e);
        if (r == 0)
                r = parse(argc, argv, &args, &e);
        if (r == 0 && str_eq(args.words[0], "import"))
                r = run_import(&args, &status, &e);
        else if (r == 0 && str_eq(args.words[0], "list"))
                r = run_list(&args, &e);
        else if (r == 0 && str_eq(args.words[0], "remove"))
                r = run_remove(&args, &e);
        else if (r == 0 && str_eq(args.words[0], "export"))
                r = run_export(&args, &status, &e);
        else if (r == 0 && str_eq(args.words[0], "forget"))
                r = run_forget(&args, &e);
        else if (r == 0 && str_eq(args.words[0], "commit"))
                r = run_commit(&args, &status, &e);
        else if (r == 0)
                r = usage(&e, args.words[0]);
        if (r < 0) {
                log_err(&e);
                return status;
        }
        return 0;
}
