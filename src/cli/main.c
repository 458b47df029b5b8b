#include "cmd-doctor.h"
#include "commands.h"
#include "err.h"
#include "fd.h"
#include "log.h"
#include "run-sandbox.h"
#include "str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/*
 * The entry: before anything else the process makes sure that it is what it takes itself for.
 * It must not run with privileges that its caller does not have, must not find a file where a
 * standard stream belongs, and must not hand on descriptors that nobody asked it to.
 */

struct command {
        const char *name;
        const char *help;                  /* NULL: another name of the one above */
        int (*run)(int argc, char **argv); /* NULL: of a later version */
};

static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
        { "run", "Run a command in a sandbox, or a container of an image", cmd_run },
        { "doctor", "Say what this machine can do, and the fix for what it can't", cmd_doctor },
        { "pull", "Take an image from a registry into the store", cmd_pull },
        { "import", "Take an image from a file or directory into the store", cmd_image },
        { "images", "List the images in the store", cmd_image },
        { "rmi", "Remove images from the store", cmd_image },
        { "verify", "Look whether the images in the store are whole", cmd_image },
        { "prune", "Remove what nobody uses from the store", cmd_image },
        { "export", "Write an image to a file", cmd_image },
        { "commit", "Make an image of a sandbox that was kept", cmd_image },
        { "rm", "Remove sandboxes that were kept", cmd_image },
        { "version", "Print the version", cmd_version },
        { "help", "Print this, or the options of a command", cmd_help },
        { "exec", NULL, NULL },
        { "ps", NULL, NULL },
        { "logs", NULL, NULL },
        { "attach", NULL, NULL },
        { "stop", NULL, NULL },
        { "kill", NULL, NULL },
        { "stats", NULL, NULL },
        { "diff", NULL, NULL },
        { "apply", NULL, NULL },
        { "discard", NULL, NULL },
        { "policy", NULL, NULL },
        { "learn", NULL, NULL },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int print_commands(void)
{
        fputs("Runs untrusted commands and images as a normal user.\n\n"
              "Usage:  kelp run [OPTIONS] -- COMMAND [ARG...]\n"
              "        kelp run [OPTIONS] IMAGE [COMMAND [ARG...]]\n"
              "        kelp -- COMMAND [ARG...]\n\n"
              "Commands:\n",
              stdout);
        for (size_t i = 0; i < N_COMMANDS; i++) {
                if (commands[i].run)
                        printf("  %-10s%s\n", commands[i].name, commands[i].help);
        }
        fputs("\n'kelp help COMMAND' tells more, 'kelp doctor' whether it works here.\n", stdout);
        return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

static int tell_unknown(const char *name)
{
        const char *known[N_COMMANDS + 1];

        for (size_t i = 0; i < N_COMMANDS; i++)
                known[i] = commands[i].name;
        known[N_COMMANDS] = NULL;
        const char *near = str_nearest(name, known);
        log_error("unknown command '%s'", name);
        if (near)
                log_hint("did you mean 'kelp %s'", near);
        else
                log_hint("to run it: kelp run -- %s", name);
        return EXIT_FAILED;
}

static int run_command(int argc, char **argv)
{
        for (size_t i = 0; i < N_COMMANDS; i++) {
                if (!str_eq(commands[i].name, argv[0]))
                        continue;
                if (commands[i].run)
                        return commands[i].run(argc, argv);
                log_error("'kelp %s' is not yet supported", argv[0]);
                log_hint("kelp help lists the commands that are");
                return EXIT_FAILED;
        }
        return tell_unknown(argv[0]);
}

static int cmd_help(int argc, char **argv)
{
        char ask[] = "--help";
        char *words[] = { argv[argc > 1 ? 1 : 0], ask, NULL };

        if (argc < 2 || words[0][0] == '-')
                return print_commands();
        for (size_t i = 0; i < N_COMMANDS; i++) {
                if (str_eq(commands[i].name, words[0]))
                        return run_command(2, words);
        }
        log_error("there is no help about '%s'", words[0]);
        log_hint("kelp help lists the commands, kelp help run the options of a run");
        return EXIT_FAILED;
}

static int dispatch(int argc, char **argv)
{
        const char *word = argc > 1 ? argv[1] : "--help";

        if (str_eq(word, "--"))
                return cmd_run(argc, argv);
        if (str_eq(word, "--help") || str_eq(word, "-h")) {
                int status = print_commands();
                return argc > 1 ? status : EXIT_FAILED;
        }
        if (str_eq(word, "--version"))
                return cmd_version(argc - 1, argv + 1);
        if (word[0] == '-') {
                log_error("unknown option '%s'", word);
                log_hint("options of a run stand behind it: kelp run %s ...", word);
                return EXIT_FAILED;
        }
        return run_command(argc - 1, argv + 1);
}

/* A caller may have left signals blocked or ignored that waiting for children depends on. */
static void reset_signals(void)
{
        sigset_t none;

        signal(SIGCHLD, SIG_DFL);
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(int argc, char **argv)
{
        struct err e = { 0 };

        if (argc < 1) {
                log_error("started without a name");
                return EXIT_FAILED;
        }
        if (getauxval(AT_SECURE) || getuid() != geteuid() || getgid() != getegid()) {
                log_error("refusing to run set-id");
                log_hint("kelp needs no privilege: remove the set-id bits and file capabilities");
                return EXIT_FAILED;
        }
        if (fd_fill_standard(&e) < 0 || fd_cloexec_others(&e) < 0) {
                log_err(&e);
                return EXIT_FAILED;
        }
        reset_signals();
        return dispatch(argc, argv);
}
