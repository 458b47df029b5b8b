#include "help.h"

#include "str.h"

#include <errno.h>
#include <stdio.h>

#define OPTION_BUNDLE                                                                              \
        "  -b, --bundle DIR           where config.json is (the current directory)\n"              \
        "  -f, --config FILE          another file than config.json, seen from there\n"
#define OPTION_LAUNCH                                                                              \
        "      --console-socket FILE  the socket that gets the master of the terminal\n"           \
        "      --no-new-keyring       keep the session keyring of the caller\n"                    \
        "      --no-subreaper         taken and not needed: nobody is made a subreaper\n"          \
        "      --no-pivot             change the root by chroot, where pivot_root is refused\n"    \
        "      --pid-file FILE        gets the pid of the first process, written last\n"           \
        "      --preserve-fds N       leave it the descriptors 3 to 2 + N\n"
#define OPTION_REGEX  "  -r, --regex                ID is a regular expression: of all that match\n"
#define OPTION_FORMAT "  -f, --format table|json    how it is printed (table)\n"

static const struct help_command commands[] = {
        { "create", "ID", "Make a container, up to the moment before its command",
          OPTION_BUNDLE OPTION_LAUNCH },
        { "start", "ID", "Have a created container execute its command", "" },
        { "run", "ID", "create, start, wait for the end, and delete",
          OPTION_BUNDLE
          "  -d, --detach               return when the command runs; delete it yourself\n"
          "      --keep                 do not delete it at the end\n" OPTION_LAUNCH },
        { "state", "ID", "Print the state of a container as JSON", "" },
        { "kill", "ID [SIGNAL]", "Send a signal to a container: a number or a name (TERM)",
          "  -a, --all                  to all its processes\n" OPTION_REGEX },
        { "delete", "ID", "Remove a container that has stopped, or was only created",
          "  -f, --force                kill it first if it runs; none of that name is no error\n" OPTION_REGEX },
        { "exec", "ID [COMMAND [ARG...]]", "Run one more process in a container that runs",
          "  -g, --additional-gids GID  one more group; may be given several times\n"
          "      --apparmor PROFILE     what AppArmor holds it to\n"
          "  -c, --cap CAPABILITY       one more capability; may be given several times\n"
          "      --cgroup PATH          a cgroup below that of the container\n"
          "      --console-socket FILE  the socket that gets the master of the terminal\n"
          "      --cwd DIR              where it starts\n"
          "  -d, --detach               return when it runs\n"
          "  -e, --env NAME=VALUE       one more variable; may be given several times\n"
          "      --ignore-paused        also where the container is paused\n"
          "      --no-new-privs         set no_new_privs\n"
          "      --no-subreaper         taken and not needed: nobody is made a subreaper\n"
          "      --pid-file FILE        gets its pid, written last\n"
          "      --preserve-fds N       leave it the descriptors 3 to 2 + N\n"
          "  -p, --process FILE         the process as JSON, in the place of COMMAND\n"
          "      --process-label LABEL  what SELinux holds it to\n"
          "  -t, --tty                  with a terminal\n"
          "  -u, --user UID[:GID]       whose it is\n" },
        { "list", "", "List the containers",
          OPTION_FORMAT "  -q, --quiet                ids alone\n" },
        { "ps", "ID [ARG...]", "List the processes of a container, by ps ARG... (-ef)",
          OPTION_FORMAT },
        { "pause", "ID", "Freeze all processes of a container, which needs a cgroup", "" },
        { "resume", "ID", "Let them go on", "" },
        { "update", "ID", "Change the limits of a container",
          "  -r, --resources FILE       linux.resources as JSON; -: from standard input\n"
          "      --blkio-weight N       weight of input and output, 10 to 1000\n"
          "      --cpu-period USEC      length of a period\n"
          "      --cpu-quota USEC       time on processors in a period; -1: any\n"
          "      --cpu-share N          weight on processors\n"
          "      --cpu-idle 0|1         run only where nobody else wants to\n"
          "      --cpu-burst USEC       time that may be saved from earlier periods\n"
          "      --cpuset-cpus LIST     processors\n"
          "      --cpuset-mems LIST     memory nodes\n"
          "      --cpu-rt-period USEC, --cpu-rt-runtime USEC\n"
          "                             of version 1 of cgroups: refused\n"
          "      --kernel-memory BYTES, --kernel-memory-tcp BYTES\n"
          "                             the same\n"
          "      --memory BYTES         the most; -1: any\n"
          "      --memory-reservation BYTES\n"
          "                             what is left to it when memory is short\n"
          "      --memory-swap BYTES    memory and swap together; -1: any\n"
          "      --pids-limit N         processes; -1: any\n" },
        { "features", "", "Print what this runtime can do as JSON", "" },
        { "help", "[COMMAND]", "Print this, or the options of a command", "" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int finish(void)
{
        if (fflush(stdout) != 0 || ferror(stdout))
                return errno ? -errno : -EIO;
        return 0;
}

const struct help_command *help_find(const char *name)
{
        for (size_t i = 0; i < N_COMMANDS; i++) {
                if (str_eq(commands[i].name, name))
                        return &commands[i];
        }
        return NULL;
}

const char *help_nearest(const char *name)
{
        const char *names[N_COMMANDS + 1];

        for (size_t i = 0; i < N_COMMANDS; i++)
                names[i] = commands[i].name;
        names[N_COMMANDS] = NULL;
        return str_nearest(name, names);
}

int help_print_command(const struct help_command *command)
{
        printf("%s.\n\nUsage:  kelp-oci [GLOBAL OPTIONS] %s%s%s%s\n", command->summary,
               command->name, command->options[0] ? " [OPTIONS]" : "",
               command->operands[0] ? " " : "", command->operands);
        if (command->options[0])
                printf("\nOptions:\n%s", command->options);
        return finish();
}

int help_print_all(void)
{
        fputs("Runs containers as engines ask for them, as a normal user.\n\n"
              "Usage:  kelp-oci [GLOBAL OPTIONS] COMMAND [OPTIONS] ...\n\nCommands:\n",
              stdout);
        for (size_t i = 0; i < N_COMMANDS; i++)
                printf("  %-10s%s\n", commands[i].name, commands[i].summary);
        fputs("\nGlobal options:\n"
              "      --cgroup-manager cgroupfs|systemd|disabled\n"
              "                             who makes the cgroups of containers (cgroupfs)\n"
              "      --debug                say more\n"
              "      --log FILE             where to say it, too (standard error alone)\n"
              "      --log-format text|json how (text)\n"
              "      --root DIR             where the state of containers is\n"
              "                             ($XDG_RUNTIME_DIR/kelp-oci)\n"
              "      --rootless true|false|auto\n"
              "                             taken and not needed: what can be done is found out\n"
              "      --systemd-cgroup       --cgroup-manager systemd\n"
              "  -h, --help\n"
              "  -v, --version\n\n"
              "'kelp-oci COMMAND --help' tells more.\n",
              stdout);
        return finish();
}
