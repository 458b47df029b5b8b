#include "commands.h"
#include "help.h"
#include "log.h"
#include "policy-commands.h"
#include "run-sandbox.h"
#include "str.h"

#include <stdio.h>

/* kelp policy: what would be allowed, and which line says so. */

struct policy_command {
        const char *name;
        const char *help;
        int (*run)(int argc, char **argv);
};

static const struct policy_command policy_commands[] = {
        { "list", "List the policies there are, and where they come from", policy_list },
        { "show", "Print what the policy of a run comes to, line by line", policy_show },
        { "check", "Look for mistakes in policies, and run nothing", policy_check },
        { "why", "Say whether a path, a host or a system call is allowed", policy_why },
};

#define N_COMMANDS (sizeof(policy_commands) / sizeof(policy_commands[0]))

static int print_commands(void)
{
        fputs("Usage:  kelp policy COMMAND [ARG...]\n\n"
              "A policy says what a sandbox may do: see kelp-policy(5).\n\n"
              "Commands:\n",
              stdout);
        for (size_t i = 0; i < N_COMMANDS; i++)
                printf("  %-8s%s\n", policy_commands[i].name, policy_commands[i].help);
        fputs("\n'kelp policy COMMAND --help' tells more.\n", stdout);
        return help_end();
}

static int tell_unknown(const char *word)
{
        const char *known[N_COMMANDS + 1] = { NULL };
        const char *near;

        for (size_t i = 0; i < N_COMMANDS; i++)
                known[i] = policy_commands[i].name;
        near = str_nearest(word, known);
        log_error("unknown command 'policy %s'", word);
        if (near)
                log_hint("did you mean 'kelp policy %s'", near);
        else
                log_hint("see kelp policy --help");
        return EXIT_FAILED;
}

int cmd_policy(int argc, char **argv)
{
        const char *word = argc > 1 ? argv[1] : NULL;

        if (!word) {
                log_error("'kelp policy' needs a command");
                log_hint("see kelp policy --help");
                return EXIT_FAILED;
        }
        if (str_eq(word, "--help") || str_eq(word, "-h"))
                return print_commands();
        for (size_t i = 0; i < N_COMMANDS; i++) {
                if (str_eq(policy_commands[i].name, word))
                        return policy_commands[i].run(argc - 1, argv + 1);
        }
        return tell_unknown(word);
}
