#include "commands.h"
#include "create.h"
#include "end.h"
#include "fd.h"
#include "foreground.h"
#include "launch.h"
#include "notify.h"
#include "proc.h"
#include "start.h"

#include <errno.h>
#include <unistd.h>

/* Of a container that is left alone nobody here waits for the end. */
struct run_options {
        struct create_options create;
        bool is_detached;
        bool is_kept;
};

static int parse(int argc, char **argv, struct run_options *ret, const char **ret_id, struct err *e)
{
        struct words_option options[CREATE_N_OPTIONS + 2] = {
                { .name = "detach", .letter = 'd', .flag = &ret->is_detached },
                { .name = "keep", .flag = &ret->is_kept },
        };
        const struct words w = {
                .command = argv[0],
                .options = options,
                .n_options = CREATE_N_OPTIONS + 2,
        };
        char **operands;
        size_t n;

        create_list_options(&ret->create, options + 2);
        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0)
                return -e->code;
        *ret_id = operands[0];
        return 0;
}

/* Where something fails behind creation_make(). */
static void undo(struct creation *c)
{
        struct err unused = { 0 };

        launch_kill(&c->container);
        end_container(&c->container, &c->bundle, &unused);
}

/* `exec`, `kill` and `delete` may come from elsewhere while the command lasts. */
static int wait_unlocked(struct creation *c, int *ret_status, struct err *e)
{
        container_unlock(&c->container);
        return foreground_wait(c->container.pid, c->console, ret_status, e);
}

static int delete_if_there(struct creation *c, struct err *e)
{
        if (container_lock(&c->container, e) == 0)
                return end_container(&c->container, &c->bundle, e);
        if (e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

/* Beside us, who have signals to forward. */
static int forward_notify(const struct creation *c, int notify, struct child *ret_child,
                          struct err *e)
{
        struct err unused = { 0 };

        if (notify < 0)
                return 0;
        ret_child->pid = fork();
        if (ret_child->pid < 0)
                return err_sys(e, "cannot fork");
        if (ret_child->pid == 0)
                _exit(notify_wait(notify, &c->container, &unused) < 0);
        return 0;
}

static int run_in_front(struct creation *c, const struct run_options *o, const char *id,
                        struct err *e)
{
        autochild notifier = CHILD_NONE;
        autofd notify = -1;
        int status = 0;

        c->has_own_console = !o->create.console_socket;
        if (foreground_begin(e) < 0 || creation_make(c, id, e) < 0)
                return -e->code;
        if (start_container(&c->container, c->sock, &c->bundle, &notify, e) < 0 ||
            forward_notify(c, notify, &notifier, e) < 0 || wait_unlocked(c, &status, e) < 0) {
                undo(c);
                return -e->code;
        }
        if (!o->is_kept && delete_if_there(c, e) < 0)
                return -e->code;
        return proc_exit_code(status);
}

static int run_detached(struct creation *c, const char *id, struct err *e)
{
        autofd notify = -1;

        if (creation_make(c, id, e) < 0)
                return -e->code;
        if (start_container(&c->container, c->sock, &c->bundle, &notify, e) < 0) {
                undo(c);
                return -e->code;
        }
        container_unlock(&c->container);
        return notify < 0 ? 0 : notify_wait(notify, &c->container, e);
}

int cmd_run(const struct globals *g, int argc, char **argv, struct err *e)
{
        struct run_options options = { .is_detached = false };
        autocreation c = CREATION_NONE;
        const char *id;

        if (parse(argc, argv, &options, &id, e) < 0)
                return -e->code;
        c.globals = g;
        c.options = &options.create;
        c.starts = true;
        return options.is_detached ? run_detached(&c, id, e) : run_in_front(&c, &options, id, e);
}
