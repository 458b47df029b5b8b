#include "commands.h"

#include "container.h"
#include "fd.h"
#include "group.h"
#include "hooks.h"
#include "io.h"
#include "mem.h"
#include "members.h"
#include "proc.h"
#include "report.h"
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The end of a container, in an order that a kill at any place leaves something to go on with: processes,
 * cgroup, hooks, and last its directory, whose name nobody else can have until then.
 */

/* A killed process that is still there after this long waits for a device that does not answer. */
#define END_MS 30000

/* Processes that fork while they are killed one by one, without a cgroup or a pid namespace. */
#define MAX_ROUNDS 20

/* Whether the end of `first` is that of all in the container: it is pid 1 of a namespace. */
static bool ends_all(const struct container *c)
{
        struct proc_place place;

        return proc_find_place(c->pid, &place) == 0 && place.inner_pid == 1;
}

/* Its processes while it is still seen who they are; the cgroup's removal sees to others. */
static int kill_members(const struct container *c, struct err *e)
{
        size_t n = 1;

        if (c->cgroup || ends_all(c))
                return 0;
        /* whoever is stopped starts nobody any more */
        if (members_signal(c, SIGSTOP, &n, e) < 0)
                return -e->code;
        for (size_t before = 0, i = 0; n != before && i < MAX_ROUNDS; i++) {
                before = n;
                if (members_signal(c, SIGSTOP, &n, e) < 0)
                        return -e->code;
        }
        return members_signal(c, SIGKILL, &n, e);
}

static int end_processes(const struct container *c, struct err *e)
{
        autofd first = -1;

        if (container_open_first(c, &first, e) < 0)
                return -e->code;
        if (first < 0)
                return 0;
        if (kill_members(c, e) < 0)
                return err_prefix(e, "cannot end container '%s'", c->id);
        if (syscall(SYS_pidfd_send_signal, first, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
                return err_sys(e, "cannot kill container '%s'", c->id);
        int r = io_wait(first, END_MS);
        if (r < 0)
                return err_sys(e, "cannot wait for the end of container '%s'", c->id);
        if (r == 0)
                return err_set(e, ETIMEDOUT, "container '%s' was killed and does not end", c->id);
        return 0;
}

static int remove_group(const struct container *c, struct err *e)
{
        __attribute__((cleanup(group_done))) struct group group = GROUP_NONE;

        if (!c->cgroup)
                return 0;
        if (group_open(c->cgroup, &group, e) < 0)
                return -e->code;
        if (group.dir < 0)
                return 0;
        group.is_scope = c->is_scope;
        return group_remove(&group, e);
}

static int run_poststop(const struct container *c, struct err *e)
{
        __attribute__((cleanup(bundle_done))) struct bundle bundle = { 0 };
        autofree char *state = NULL;

        if (container_read_config(c, &bundle, e) < 0 ||
            container_print_state(c, CONTAINER_STOPPED, &state, e) < 0)
                return -e->code;
        hooks_run_all(&bundle, BUNDLE_HOOK_POSTSTOP, state, &report_notice);
        return 0;
}

/* A hook that cannot even be read keeps nobody from the removal either. */
static void tell_poststop(const struct container *c)
{
        struct err why = { 0 };

        if ((c->hooks & 1u << BUNDLE_HOOK_POSTSTOP) && run_poststop(c, &why) < 0)
                report_warning("%.*s", err_message_len(&why), why.text);
}

static int check_status(const struct container *c, bool is_forced, struct err *e)
{
        enum container_status status;

        if (container_get_status(c, &status, e) < 0)
                return -e->code;
        if (is_forced || status == CONTAINER_STOPPED || status == CONTAINER_CREATED)
                return 0;
        err_set(e, EBUSY, "cannot delete container '%s': it is %s", c->id,
                container_status_name(status));
        return err_hint(e, "kelp-oci delete --force %s", c->id);
}

static int delete (int root, const char *id, bool is_forced, struct err *e)
{
        autocontainer c = CONTAINER_NONE;

        int r = container_open_locked(root, id, &c, e);
        if (r == -ENOENT && is_forced) {
                report_debug("%s", e->text);
                *e = (struct err){ 0 };
                return 0;
        }
        if (r < 0 || check_status(&c, is_forced, e) < 0 || end_processes(&c, e) < 0 ||
            remove_group(&c, e) < 0)
                return -e->code;
        tell_poststop(&c);
        return container_remove(&c, e);
}

int cmd_delete(const struct globals *g, int argc, char **argv, struct err *e)
{
        bool is_forced = false;
        const struct words_option options[] = {
                { .name = "force", .letter = 'f', .flag = &is_forced },
        };
        const struct words w = { .command = argv[0], .options = options, .n_options = 1 };
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0 || container_open_root(g->root, &root, e) < 0)
                return -e->code;
        return delete (root, operands[0], is_forced, e);
}
