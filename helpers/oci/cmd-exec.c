#include "commands.h"

#include "become.h"
#include "config.h"
#include "console.h"
#include "container.h"
#include "exec-join.h"
#include "exec-process.h"
#include "fd.h"
#include "foreground.h"
#include "group.h"
#include "mem.h"
#include "parse.h"
#include "proc.h"
#include "profile.h"
#include "report.h"
#include "words.h"
#include "write-pid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A command's own status is passed on: what failed here is told from that as runc does. */
#define EXIT_NOT_EXECUTED 255

/* As many descriptors as a process may be given; more than this is a slip. */
#define MAX_PRESERVED 65536

/* The words behind `exec`. */
struct asked {
        struct exec_process process;
        const char *console_socket;
        const char *pid_file;
        const char *preserve;
        const char *cgroup;
        bool is_detached;
        bool ignores_pause;
        unsigned preserve_fds;
};

static int parse(int argc, char **argv, struct asked *a, char ***ret, size_t *ret_n, struct err *e)
{
        struct exec_process *p = &a->process;
        const struct words_option options[] = {
                { .name = "process", .letter = 'p', .value = &p->file },
                { .name = "tty", .letter = 't', .flag = &p->has_terminal },
                { .name = "cwd", .value = &p->workdir },
                { .name = "env", .letter = 'e', .list = &p->env },
                { .name = "user", .letter = 'u', .value = &p->user },
                { .name = "additional-gids", .letter = 'g', .list = &p->groups },
                { .name = "cap", .letter = 'c', .list = &p->caps },
                { .name = "no-new-privs", .flag = &p->no_new_privs },
                { .name = "process-label", .value = &p->selinux },
                { .name = "apparmor", .value = &p->apparmor },
                { .name = "console-socket", .value = &a->console_socket },
                { .name = "pid-file", .value = &a->pid_file },
                { .name = "preserve-fds", .value = &a->preserve },
                { .name = "cgroup", .value = &a->cgroup },
                { .name = "detach", .letter = 'd', .flag = &a->is_detached },
                { .name = "ignore-paused", .flag = &a->ignores_pause },
                { .name = "no-subreaper", .flag = &(bool){ false } },
        };
        const struct words w = {
                .command = argv[0],
                .options = options,
                .n_options = sizeof(options) / sizeof(options[0]),
                .stops = true,
        };

        if (words_parse(&w, argc, argv, ret, ret_n, e) < 0)
                return -e->code;
        if (*ret_n == 0)
                return words_count(&w, "ID", *ret, *ret_n, e);
        p->args = (const char **)*ret + 1;
        p->n_args = *ret_n - 1;
        return 0;
}

/* LISTEN_FDS of whoever started us comes on top: sd_listen_fds(3). */
static int count_preserved(struct asked *a, struct err *e)
{
        const char *listening = getenv("LISTEN_FDS");
        uint64_t n = 0, more = 0;

        if (a->preserve && parse_number(a->preserve, 0, MAX_PRESERVED, &n, e) < 0)
                return err_prefix(e, "--preserve-fds");
        if (listening && parse_number(listening, 0, MAX_PRESERVED, &more, e) < 0)
                return err_prefix(e, "LISTEN_FDS");
        a->preserve_fds = (unsigned)(n + more);
        return become_check_preserved(a->preserve_fds, e);
}

/* A container that is being made has no namespaces yet, one that has ended none any more. */
static int check_status(const struct container *c, const struct asked *a, int *ret_first,
                        struct err *e)
{
        enum container_status status;

        if (container_get_status(c, &status, e) < 0)
                return -e->code;
        if (status == CONTAINER_CREATING || status == CONTAINER_STOPPED)
                return err_set(e, ESRCH, "container '%s' is not running: it is %s", c->id,
                               container_status_name(status));
        if (status == CONTAINER_PAUSED && !a->ignores_pause) {
                err_set(e, EBUSY, "container '%s' is paused", c->id);
                return err_hint(e, "resume it first, or --ignore-paused");
        }
        if (container_open_first(c, ret_first, e) < 0)
                return -e->code;
        if (*ret_first < 0)
                return err_set(e, ESRCH, "container '%s' is not running", c->id);
        return 0;
}

/* --cgroup: one below the container's own; what leads out of it is none. */
static int open_group(const struct container *c, const char *below, struct group *ret,
                      struct err *e)
{
        autofree char *path = NULL;

        if (!below || strspn(below, "/") == strlen(below))
                return group_open(c->cgroup, ret, e);
        if (!c->cgroup)
                return err_set(e, ENOENT, "--cgroup '%s': container '%s' has no cgroup", below,
                               c->id);
        for (const char *at = below; at; at = strchr(at, '/')) {
                at += strspn(at, "/");
                if (strcmp(at, "..") == 0 || strncmp(at, "../", 3) == 0)
                        return err_set(e, EINVAL, "--cgroup '%s' is not below the container's",
                                       below);
        }
        if (asprintf(&path, "%s/%s", c->cgroup, below + strspn(below, "/")) < 0) {
                path = NULL;
                return err_set(e, ENOMEM, "cannot name the cgroup '%s'", below);
        }
        if (group_open(path, ret, e) < 0)
                return err_prefix(e, "--cgroup '%s'", below);
        if (ret->dir < 0)
                return err_set(e, ENOENT, "--cgroup '%s': there is no such cgroup", below);
        return 0;
}

/*
 * A terminal goes to whoever listens on the console socket, or comes here: *ret_near is this process's
 * end then, -1 otherwise.
 */
static int open_console(const struct asked *a, const struct bundle *process, int *ret_socket,
                        int *ret_near, struct err *e)
{
        if (!process->process.has_terminal) {
                if (!a->console_socket)
                        return 0;
                err_set(e, EINVAL, "--console-socket without a terminal");
                return err_hint(e, "--tty, or \"terminal\": true in the file of --process");
        }
        if (a->console_socket)
                return console_connect(a->console_socket, ret_socket, e);
        if (a->is_detached) {
                err_set(e, EINVAL, "a terminal and --detach need --console-socket");
                return -e->code;
        }
        return fd_socketpair(ret_socket, ret_near, e);
}

/* What has been started and cannot be told of is ended. */
static int end(pid_t pid, struct err *e)
{
        struct child child = { .pid = pid, .pidfd = -1 };

        proc_kill_child(&child);
        return -e->code;
}

static int finish(const struct asked *a, pid_t pid, int console, struct err *e)
{
        int status = 0;

        if (a->pid_file && write_pid(a->pid_file, pid, e) < 0)
                return end(pid, e);
        if (a->is_detached)
                return 0;
        if (foreground_wait(pid, console, &status, e) < 0)
                return end(pid, e);
        return proc_exit_code(status);
}

static int start(const struct asked *a, const struct exec_join *join, struct err *e)
{
        struct exec_join j = *join;
        autoprofile profile = { 0 };
        autofd listener = -1;
        autofd console = -1;
        autofd near = -1;
        pid_t pid = 0;

        if (profile_load(j.config, j.notice, &profile, e) < 0 ||
            (profile.has_listener && profile_connect(j.config, &listener, e) < 0) ||
            open_console(a, j.process, &console, &near, e) < 0)
                return -e->code;
        if (!a->is_detached && foreground_begin(e) < 0)
                return -e->code;
        j.profile = &profile;
        j.listener = listener;
        j.console_socket = console;
        if (exec_join(&j, &pid, e) < 0)
                return -e->code;
        fd_close(&console);
        return finish(a, pid, near, e);
}

static int run(const struct globals *g, const char *id, const struct asked *a,
               struct bundle *config, struct bundle *process, struct err *e)
{
        autocontainer c = CONTAINER_NONE;
        struct group group = GROUP_NONE;
        autofd root = -1;
        autofd first = -1;

        if (container_open_root(g->root, &root, e) < 0 || container_open(root, id, &c, e) < 0 ||
            check_status(&c, a, &first, e) < 0 || container_read_config(&c, config, e) < 0 ||
            exec_process_make(&a->process, config, &report_notice, process, e) < 0)
                return -e->code;
        struct exec_join j = {
                .container = &c,
                .config = config,
                .process = process,
                .group = &group,
                .first = first,
                .preserve_fds = a->preserve_fds,
                .notice = &report_notice,
        };
        int r = open_group(&c, a->cgroup, &group, e) < 0 ? -e->code : start(a, &j, e);
        group_done(&group);
        return r;
}

int cmd_exec(const struct globals *g, int argc, char **argv, struct err *e)
{
        struct bundle config = { 0 };
        struct bundle process = { 0 };
        struct asked a = { 0 };
        char **operands;
        size_t n;

        int r = exec_process_begin(&a.process, (size_t)argc, e);
        if (r == 0)
                r = parse(argc, argv, &a, &operands, &n, e);
        if (r == 0)
                r = count_preserved(&a, e);
        if (r == 0)
                r = run(g, operands[0], &a, &config, &process, e);
        bundle_done(&process);
        bundle_done(&config);
        exec_process_done(&a.process);
        if (r >= 0)
                return r;
        report_err(e);
        return EXIT_NOT_EXECUTED;
}
