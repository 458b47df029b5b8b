#include "policy-words.h"

#include "help.h"
#include "log.h"
#include "option.h"
#include "run-sandbox.h"
#include "str.h"

#include <stddef.h>
#include <stdio.h>

#define MAX_FLAGS 8

static bool is_option_of_run(const char *word)
{
        for (const struct option_row *row = option_table; row->name; row++) {
                if (str_eq(row->name, word + 2))
                        return true;
        }
        return false;
}

static int tell_unknown(const char *command, const char *word, const struct policy_flag *flags)
{
        const char *known[MAX_FLAGS] = { "--policy", "--help" };
        size_t n = 2;
        const char *near;

        for (; flags->name && n < MAX_FLAGS - 1; flags++)
                known[n++] = flags->name;
        near = str_nearest(word, known);
        log_error("unknown option '%s'", word);
        if (near)
                log_hint("did you mean '%s'", near);
        else if (str_has_prefix(word, "--") && is_option_of_run(word))
                log_hint("it is no part of a policy: kelp run --dry-run shows all of a run");
        else
                log_hint("kelp policy %s --help", command);
        return EXIT_FAILED;
}

static bool take_flag(const char *word, const struct policy_flag *flags)
{
        for (; flags->name; flags++) {
                if (str_eq(flags->name, word)) {
                        *flags->value = true;
                        return true;
                }
        }
        return false;
}

static int take(int *argc, char **argv, const struct policy_flag *flags, bool *ret_help)
{
        bool are_words = false;
        int n = 1;

        for (int i = 1; i < *argc; i++) {
                char *word = argv[i];

                if (are_words || word[0] != '-') {
                        argv[n++] = word;
                } else if (str_eq(word, "--")) {
                        are_words = true;
                } else if (str_eq(word, "--help") || str_eq(word, "-h")) {
                        *ret_help = true;
                } else if (str_has_prefix(word, "--policy=")) {
                        argv[n++] = word + sizeof("--policy=") - 1;
                } else if (str_eq(word, "--policy") && i + 1 < *argc) {
                        argv[n++] = argv[++i];
                } else if (str_eq(word, "--policy")) {
                        log_error("option '--policy' needs a value: --policy NAME|FILE");
                        return EXIT_FAILED;
                } else if (!take_flag(word, flags)) {
                        return tell_unknown(argv[0], word, flags);
                }
        }
        argv[n] = NULL;
        *argc = n;
        return 0;
}

bool policy_words_take(int *argc, char **argv, const struct policy_flag *flags, const char *usage,
                       int *ret_status)
{
        bool wants_help = false;
        int status = take(argc, argv, flags, &wants_help);

        if (status == 0 && !wants_help)
                return true;
        if (status == 0) {
                fputs(usage, stdout);
                status = help_end();
        }
        *ret_status = status;
        return false;
}
