#include "become.h"
#include "commands.h"
#include "err.h"
#include "fd.h"
#include "help.h"
#include "log.h"
#include "mem.h"
#include "report.h"
#include "str.h"
#include "words.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define EXIT_FAILED 1

/* The newest version of the specification that is known here: engines show it. */
#define SPEC_VERSION "1.3.0"

struct command {
        const char *name;
        int (*run)(const struct globals *g, int argc, char **argv, struct err *e);
        bool enters; /* a process of ours is in the container, which must not get at our file */
};

static int cmd_help(const struct globals *g, int argc, char **argv, struct err *e);

static const struct command commands[] = {
        { "create", cmd_create, true },
        { "start", cmd_start, false },
        { "run", cmd_run, true },
        { "exec", cmd_exec, true },
        { "state", cmd_state, false },
        { "list", cmd_list, false },
        { "kill", cmd_kill, false },
        { "delete", cmd_delete, false },
        { "ps", cmd_ps, false },
        { "pause", cmd_pause, false },
        { "resume", cmd_resume, false },
        { "update", cmd_update, false },
        { "features", cmd_features, false },
        { "help", cmd_help, false },
};

/* What stands in front of the command, as text. */
struct front {
        const char *root;
        const char *log;
        const char *log_format;
        const char *manager;
        const char *rootless;
        bool by_systemd;
        bool is_debug;
        bool asks_help;
        bool asks_version;
};

static int parse_front(int argc, char **argv, struct front *ret, char ***ret_words, size_t *ret_n,
                       struct err *e)
{
        const struct words_option options[] = {
                { .name = "root", .value = &ret->root },
                { .name = "log", .value = &ret->log },
                { .name = "log-format", .value = &ret->log_format },
                { .name = "cgroup-manager", .value = &ret->manager },
                { .name = "rootless", .value = &ret->rootless },
                { .name = "systemd-cgroup", .flag = &ret->by_systemd },
                { .name = "debug", .flag = &ret->is_debug },
                { .name = "help", .letter = 'h', .flag = &ret->asks_help },
                { .name = "version", .letter = 'v', .flag = &ret->asks_version },
        };
        const struct words w = {
                .options = options,
                .n_options = sizeof(options) / sizeof(options[0]),
                .stops = true,
        };

        return words_parse(&w, argc, argv, ret_words, ret_n, e);
}

static int choose_manager(const struct front *front, enum group_manager *ret, struct err *e)
{
        static const struct {
                const char *name;
                enum group_manager manager;
        } managers[] = {
                { "cgroupfs", GROUP_CGROUPFS },
                { "systemd", GROUP_SYSTEMD },
                { "disabled", GROUP_DISABLED },
        };

        *ret = front->by_systemd ? GROUP_SYSTEMD : GROUP_CGROUPFS;
        for (size_t i = 0; front->manager; i++) {
                if (i == sizeof(managers) / sizeof(managers[0])) {
                        err_set(e, EINVAL, "--cgroup-manager: there is no manager '%.100s'",
                                front->manager);
                        return err_hint(e, "cgroupfs, systemd or disabled");
                }
                if (!str_eq(managers[i].name, front->manager))
                        continue;
                *ret = managers[i].manager;
                break;
        }
        return 0;
}

static int choose_report(const struct front *front, struct report_spec *ret, struct err *e)
{
        const char *format = front->log_format ? front->log_format : "text";

        if (!str_eq(format, "text") && !str_eq(format, "json")) {
                err_set(e, EINVAL, "--log-format: there is no format '%.100s'", format);
                return err_hint(e, "text or json");
        }
        *ret = (struct report_spec){
                .log = front->log && front->log[0] ? front->log : NULL,
                .is_json = str_eq(format, "json"),
                .is_debug = front->is_debug,
        };
        return 0;
}

static int apply_front(const struct front *front, struct globals *ret, struct err *e)
{
        const char *rootless = front->rootless ? front->rootless : "auto";
        struct report_spec spec;

        /* the log first: engines read what else is wrong from there */
        if (choose_report(front, &spec, e) < 0 || report_setup(&spec, e) < 0)
                return -e->code;
        if (!str_eq(rootless, "true") && !str_eq(rootless, "false") && !str_eq(rootless, "auto"))
                return err_set(e, EINVAL, "--rootless is true, false or auto, not '%.100s'",
                               rootless);
        ret->root = front->root;
        ret->is_debug = front->is_debug;
        return choose_manager(front, &ret->manager, e);
}

static int print_version(struct err *e)
{
        printf("kelp-oci version %s\nspec: %s\n", KELP_VERSION, SPEC_VERSION);
        if (fflush(stdout) != 0)
                return err_sys(e, "cannot print the version");
        return 0;
}

static int told(int r, struct err *e)
{
        if (r == 0)
                return 0;
        errno = -r;
        return err_sys(e, "cannot print the help");
}

static int refuse_command(const char *name, struct err *e)
{
        const char *near = help_nearest(name);

        err_set(e, EINVAL, "unknown command '%.100s'", name);
        if (near)
                return err_hint(e, "did you mean '%s'", near);
        return err_hint(e, "kelp-oci --help lists the commands");
}

static int cmd_help(const struct globals *g, int argc, char **argv, struct err *e)
{
        (void)g;
        if (argc < 2)
                return told(help_print_all(), e);
        const struct help_command *command = help_find(argv[1]);
        return command ? told(help_print_command(command), e) : refuse_command(argv[1], e);
}

/* Whether --help is among the first options: it may also be a word of what is to be executed. */
static bool asks_help(int argc, char **argv)
{
        for (int i = 1; i < argc && argv[i][0] == '-' && !str_eq(argv[i], "--"); i++) {
                if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))
                        return true;
        }
        return false;
}

/* `all` is what this process was started with. */
static int run_command(const struct globals *g, int argc, char **argv, char **all, struct err *e)
{
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
                if (!str_eq(commands[i].name, argv[0]))
                        continue;
                if (asks_help(argc, argv))
                        return told(help_print_command(help_find(argv[0])), e);
                if (commands[i].enters && become_guard_self(all, e) < 0)
                        return -e->code;
                return commands[i].run(g, argc, argv, e);
        }
        return refuse_command(argv[0], e);
}

static int run(int argc, char **argv, struct err *e)
{
        struct front front = { NULL };
        struct globals g = { NULL };
        /* as it was: words are put into another order */
        autofree char **all = mem_alloc(((size_t)argc + 1) * sizeof(*all), e);
        char **words;
        size_t n;

        if (getauxval(AT_SECURE) || getuid() != geteuid() || getgid() != getegid()) {
                err_set(e, EPERM, "refusing to run set-id");
                return err_hint(e, "remove the set-id bits and file capabilities");
        }
        if (!all)
                return -e->code;
        memcpy(all, argv, (size_t)argc * sizeof(*all));
        if (fd_fill_standard(e) < 0 || parse_front(argc, argv, &front, &words, &n, e) < 0 ||
            apply_front(&front, &g, e) < 0)
                return -e->code;
        if (front.asks_help)
                return told(help_print_all(), e);
        if (front.asks_version)
                return print_version(e);
        if (n > 0)
                return run_command(&g, (int)n, words, all, e);
        err_set(e, EINVAL, "which command?");
        return err_hint(e, "kelp-oci --help lists them");
}

int main(int argc, char **argv)
{
        struct err e = { 0 };

        log_setup("kelp-oci");
        /* nobody attacks himself with names that collide: no random numbers are needed */
        json_object_seed(1);
        /* waits for children are of us alone; who executes something resets all signals before */
        signal(SIGCHLD, SIG_DFL);
        signal(SIGPIPE, SIG_IGN);
        int r = run(argc, argv, &e);
        if (r >= 0)
                return r;
        report_err(&e);
        return EXIT_FAILED;
}
