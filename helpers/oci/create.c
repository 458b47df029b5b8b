#include "create.h"

#include "become.h"
#include "config.h"
#include "fd.h"
#include "group.h"
#include "io.h"
#include "launch.h"
#include "mem.h"
#include "notify.h"
#include "parse.h"
#include "profile.h"
#include "report.h"
#include "str.h"
#include "write-pid.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than anybody may have open is a slip. */
#define MAX_PRESERVED 100000

void create_list_options(struct create_options *options, struct words_option *ret)
{
        const struct words_option all[CREATE_N_OPTIONS] = {
                { .name = "bundle", .letter = 'b', .value = &options->bundle },
                { .name = "config", .letter = 'f', .value = &options->config },
                { .name = "console-socket", .value = &options->console_socket },
                { .name = "pid-file", .value = &options->pid_file },
                { .name = "preserve-fds", .value = &options->preserve_fds },
                { .name = "no-pivot", .flag = &options->no_pivot },
                { .name = "no-new-keyring", .flag = &options->keeps_keyring },
                { .name = "no-subreaper", .flag = &options->no_subreaper },
        };

        memcpy(ret, all, sizeof(all));
}

void creation_done(struct creation *c)
{
        bundle_done(&c->bundle);
        container_done(&c->container);
        fd_close(&c->root);
        fd_close(&c->console);
        fd_close(&c->sock);
}

/* ------ what is inherited ------ */

int create_add_variable(struct plan *p, const char *name, const char *value, struct err *e)
{
        struct plan_exec *exec = &p->exec;
        const char **env = arena_alloc(&p->arena, (exec->n_env + 2) * sizeof(*env), e);
        size_t len = strlen(name);
        size_t n = 0;

        if (!env)
                return -e->code;
        for (size_t i = 0; i < exec->n_env; i++) {
                if (!str_has_prefix(exec->env[i], name) || exec->env[i][len] != '=')
                        env[n++] = exec->env[i];
        }
        env[n] = arena_print(&p->arena, e, "%s=%s", name, value);
        if (!env[n++])
                return -e->code;
        exec->env = env;
        exec->n_env = n;
        return 0;
}

/*
 * Sockets that a service manager has opened, sd_listen_fds(3), are preserved, too.  The first process is
 * whom they are for, and 1 in a pid namespace of its own.
 */
static int pass_sockets(struct creation *c, unsigned *n, struct err *e)
{
        static const char *const names[] = { "LISTEN_FDS", "LISTEN_FDNAMES" };
        const char *text = getenv("LISTEN_FDS");
        struct plan *p = &c->bundle.plan;
        uint64_t more;

        if (!text)
                return 0;
        if (parse_number(text, 0, MAX_PRESERVED, &more, e) < 0)
                return err_prefix(e, "LISTEN_FDS of the environment");
        *n += (unsigned)more;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *value = getenv(names[i]);

                if (value && create_add_variable(p, names[i], value, e) < 0)
                        return -e->code;
        }
        return create_add_variable(p, "LISTEN_PID", "1", e);
}

static int count_preserved(const struct creation *c, unsigned *ret, struct err *e)
{
        const char *text = c->options->preserve_fds;
        uint64_t n = 0;

        if (text && parse_number(text, 0, MAX_PRESERVED, &n, e) < 0)
                return err_prefix(e, "--preserve-fds");
        *ret = (unsigned)n;
        return 0;
}

/* ------ the config ------ */

static int read_config(struct creation *c, struct err *e)
{
        const char *dir = c->options->bundle ? c->options->bundle : ".";
        const char *file = c->options->config;
        autofree char *text = NULL;
        size_t len;

        if (!file)
                return config_read(dir, &c->bundle, e);
        autofd at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (at < 0)
                return err_sys(e, "cannot open the bundle '%s'", dir);
        if (io_read_file(at, file, BUNDLE_MAX_CONFIG, &text, &len, e) < 0)
                return -e->code;
        return config_read_text(text, len, dir, &c->bundle, e);
}

/* A terminal goes to whoever asked for it, and there must be somebody. */
static int check_console(const struct creation *c, struct err *e)
{
        const struct create_options *o = c->options;

        if (c->bundle.process.has_terminal) {
                if (o->console_socket || c->has_own_console)
                        return 0;
                err_set(e, EINVAL,
                        "config.json: process.terminal: there is nobody who takes the terminal");
                return err_hint(e, "--console-socket FILE, or run without --detach");
        }
        if (!o->console_socket)
                return 0;
        return err_set(e, EINVAL, "--console-socket: config.json has no process.terminal");
}

static int read_all(struct creation *c, struct err *e)
{
        if (read_config(c, e) < 0 || check_console(c, e) < 0)
                return -e->code;
        for (size_t i = 0; i < c->bundle.n_notices; i++)
                notice_say(&report_notice, "%s", c->bundle.notices[i]);
        if (!c->bundle.has_process)
                return err_set(e, EINVAL,
                               "config.json: process is missing, and nothing could be started");
        return 0;
}

/* ------ making it ------ */

static int open_own_console(struct creation *c, int *ret_far, struct err *e)
{
        int pair[2];

        if (!c->has_own_console || !c->bundle.process.has_terminal)
                return 0;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return err_sys(e, "cannot make a pair of sockets");
        c->console = pair[0];
        *ret_far = pair[1];
        return 0;
}

/* It is read when the container is started, at the earliest. */
static int keep_config(void *user, struct err *e)
{
        const struct creation *c = user;

        return container_keep_config(&c->container, &c->bundle, e);
}

static int launch(struct creation *c, const struct group *group, const struct profile *profile,
                  unsigned n_preserved, struct err *e)
{
        autofd far = -1;
        autofd notify = -1;

        if (open_own_console(c, &far, e) < 0 ||
            notify_prepare(&c->bundle, &c->container, &notify, e) < 0)
                return -e->code;
        const struct launch_spec spec = {
                .bundle = &c->bundle,
                .container = &c->container,
                .profile = profile,
                .group = group,
                .console_socket = c->options->console_socket,
                .console = far,
                .notify = notify,
                .preserve_fds = n_preserved,
                .no_pivot = c->options->no_pivot,
                .keeps_keyring = c->options->keeps_keyring,
                .notice = &report_notice,
                .meanwhile = keep_config,
                .user = c,
                .ret_sock = c->starts ? &c->sock : NULL,
        };
        if (launch_create(&spec, e) < 0)
                return -e->code;
        const char *pid_file = c->options->pid_file;
        if (container_mark_created(&c->container, e) == 0 &&
            (!pid_file || write_pid(pid_file, c->container.pid, e) == 0))
                return 0;
        launch_kill(&c->container);
        return -e->code;
}

/* Its place is written down before it is there: whoever kills us leaves nothing that is not known. */
static int keep_group(void *user, const char *path, struct err *e)
{
        struct container *box = user;

        box->cgroup = arena_copy(&box->arena, path, e);
        return box->cgroup ? container_write(box, e) : -e->code;
}

static int join_group(struct creation *c, struct group *group, struct err *e)
{
        struct container *box = &c->container;
        const struct group_keeper keeper = { .keep = keep_group, .user = box };

        if (group_make(&c->bundle, box->id, c->globals->manager, &keeper, &report_notice, group,
                       e) < 0)
                return -e->code;
        if (!group->path || (box->cgroup && !group->is_scope))
                return 0;
        /* one that was there, or that systemd has made, which lasts no longer than its processes */
        box->is_scope = group->is_scope;
        return keep_group(box, group->path, e);
}

static int fill(struct creation *c, unsigned n_preserved, struct err *e)
{
        autoprofile profile = { .flags = 0 };
        struct group group = GROUP_NONE;
        struct err unused = { 0 };
        int r;

        if (container_fill(&c->container, &c->bundle, e) < 0 ||
            profile_load(&c->bundle, &report_notice, &profile, e) < 0)
                return -e->code;
        r = join_group(c, &group, e);
        if (r == 0)
                r = launch(c, &group, &profile, n_preserved, e);
        if (r < 0)
                group_remove(&group, &unused);
        group_done(&group);
        return r;
}

int creation_make(struct creation *c, const char *id, struct err *e)
{
        struct err unused = { 0 };
        unsigned n_preserved;

        /* before anything is opened: the numbers are taken, or free for us */
        if (count_preserved(c, &n_preserved, e) < 0)
                return -e->code;
        if (container_check_id(id, e) < 0 || read_all(c, e) < 0 ||
            pass_sockets(c, &n_preserved, e) < 0 || become_check_preserved(n_preserved, e) < 0 ||
            container_open_root(c->globals->root, &c->root, e) < 0 ||
            container_make(c->root, id, &c->container, e) < 0)
                return -e->code;
        if (fill(c, n_preserved, e) == 0)
                return 0;
        container_remove(&c->container, &unused);
        return -e->code;
}
