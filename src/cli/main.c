#include "cmd-doctor.h"
#include "commands.h"
#include "err.h"
#include "fd.h"
#include "foreign.h"
#include "help.h"
#include "log.h"
#include "run-sandbox.h"
#include "str.h"
#include "suggest.h"

#include <signal.h>
#include <stdbool.h>
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
        const char *help;
        int (*run)(int argc, char **argv);
};

static int cmd_help(int argc, char **argv);

static const struct command commands[] = {
        { "run", "Run a command in a sandbox, or a container of an image", cmd_run },
        { "ps", "List the sandboxes that run, or have run", cmd_ps },
        { "logs", "Print what a sandbox in the background has written", cmd_logs },
        { "attach", "Go to the terminal or the streams of such a sandbox", cmd_attach },
        { "inspect", "Print all that is known of sandboxes", cmd_inspect },
        { "stats", "Show what sandboxes use of what they may use", cmd_stats },
        { "stop", "End sandboxes", cmd_stop },
        { "kill", "Send a signal to sandboxes", cmd_kill },
        { "wait", "Wait for the end of sandboxes, and print how it was", cmd_wait },
        { "rm", "Remove sandboxes that have ended, or were kept", cmd_rm },
        { "exec", "Run one more command in a sandbox that runs", cmd_exec },
        { "policy", "Say what is allowed, and which line of which policy says so", cmd_policy },
        { "learn", "Run a command contained, and write a policy of what it needs", cmd_learn },
        { "doctor", "Say what this machine can do, and the fix for what it can't", cmd_doctor },
        { "pull", "Take an image from a registry into the store", cmd_pull },
        { "import", "Take an image from a file or directory into the store", cmd_image },
        { "images", "List the images in the store", cmd_image },
        { "rmi", "Remove images from the store", cmd_image },
        { "verify", "Look whether the images in the store are whole", cmd_image },
        { "prune", "Remove what nobody uses from the store", cmd_image },
        { "export", "Write an image to a file", cmd_image },
        { "commit", "Make an image of a sandbox that was kept", cmd_image },
        { "diff", "List the runs with --review, or show what one changed", cmd_review },
        { "apply", "Let in what a run with --review changed", cmd_review },
        { "discard", "Throw away what a run with --review changed", cmd_review },
        { "version", "Print the version", cmd_version },
        { "help", "Print this, or the options of a command", cmd_help },
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
        for (size_t i = 0; i < N_COMMANDS; i++)
                printf("  %-10s%s\n", commands[i].name, commands[i].help);
        fputs("\n'kelp help COMMAND' tells more, 'kelp doctor' whether it works here.\n", stdout);
        return help_end();
}

static const struct command *find_command(const char *name)
{
        for (size_t i = 0; i < N_COMMANDS; i++) {
                if (str_eq(commands[i].name, name))
                        return &commands[i];
        }
        return NULL;
}

static const char *nearest_command(const char *name)
{
        const char *known[N_COMMANDS + 1];
        size_t n = 0;

        for (size_t i = 0; i < N_COMMANDS; i++) {
                /* of two letters, one is not enough to know what was meant; two are */
                if (strlen(commands[i].name) > 2 || str_has_prefix(name, commands[i].name))
                        known[n++] = commands[i].name;
        }
        known[n] = NULL;
        return str_nearest(name, known);
}

/* For "image rm" and the like: what that is called, what "rm" is, what there is of "image". */
static const char *find_foreign(int argc, char **argv)
{
        const char *second = argc > 1 ? argv[1] : NULL;
        const char *hint = second ? foreign_hint(argv[0], second) : NULL;

        if (!hint && second && foreign_is_group(argv[0])) {
                if (find_command(second))
                        return NULL;
                hint = foreign_hint(second, NULL);
        }
        return hint ? hint : foreign_hint(argv[0], NULL);
}

static const char *find_near(int argc, char **argv)
{
        if (argc > 1 && foreign_is_group(argv[0]) && find_command(argv[1]))
                return argv[1];
        return nearest_command(argv[0]);
}

/* `program` is how to run a program of that name; NULL when there is none, or nobody wants to. */
static void hint_unknown(int argc, char **argv, const char *program)
{
        const char *foreign = find_foreign(argc, argv);
        const char *near = foreign ? NULL : find_near(argc, argv);

        if (foreign && program)
                log_hint("%s; to run the program: kelp run --%s", foreign, program);
        else if (foreign)
                log_hint("%s", foreign);
        else if (near && program)
                log_hint("did you mean 'kelp %s'; to run the program: kelp run --%s", near,
                         program);
        else if (near)
                log_hint("did you mean 'kelp %s'", near);
        else if (program)
                log_hint("to run it: kelp run --%s", program);
        else
                log_hint("kelp help lists the commands");
}

static int tell_unknown(int argc, char **argv)
{
        char program[SUGGEST_MAX];
        bool is_program = suggest_program(argc, argv, program);

        log_error("unknown command '%s'", argv[0]);
        hint_unknown(argc, argv, is_program ? program : NULL);
        return EXIT_FAILED;
}

static int run_command(int argc, char **argv)
{
        const struct command *command = find_command(argv[0]);

        return command ? command->run(argc, argv) : tell_unknown(argc, argv);
}

static int cmd_help(int argc, char **argv)
{
        char ask[] = "--help";
        char *words[] = { argv[argc > 1 ? 1 : 0], ask, NULL };

        if (argc < 2 || str_eq(words[0], "--help") || str_eq(words[0], "-h"))
                return print_commands();
        if (words[0][0] == '-') {
                log_error("unknown option '%s'", words[0]);
                log_hint("kelp help, or kelp help COMMAND");
                return EXIT_FAILED;
        }
        if (!find_command(words[0])) {
                log_error("there is no help about '%s'", words[0]);
                hint_unknown(argc - 1, argv + 1, NULL);
                return EXIT_FAILED;
        }
        if (argc > 2) {
                log_error("unexpected word '%s'", argv[2]);
                log_hint("kelp help tells of one command at a time: kelp help %s", words[0]);
                return EXIT_FAILED;
        }
        return run_command(2, words);
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
                if (argc == 2 && (str_eq(word, "-V") || str_eq(word, "-v")))
                        log_hint("did you mean 'kelp --version'");
                else
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
