#include "end.h"

#include "fd.h"
#include "group.h"
#include "hooks.h"
#include "io.h"
#include "mem.h"
#include "members.h"
#include "proc.h"
#include "report.h"

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

static int run_poststop(const struct container *c, const struct bundle *b, struct err *e)
{
        __attribute__((cleanup(bundle_done))) struct bundle kept = { 0 };
        autofree char *state = NULL;

        if ((!b && container_read_config(c, &kept, e) < 0) ||
            container_print_state(c, CONTAINER_STOPPED, &state, e) < 0)
                return -e->code;
        hooks_run_all(b ? b : &kept, BUNDLE_HOOK_POSTSTOP, state, &report_notice);
        return 0;
}

/* A hook that cannot even be read keeps nobody from the removal either. */
static void tell_poststop(const struct container *c, const struct bundle *b)
{
        struct err why = { 0 };

        if ((c->hooks & 1u << BUNDLE_HOOK_POSTSTOP) && run_poststop(c, b, &why) < 0)
                report_warning("%.*s", err_message_len(&why), why.text);
}

int end_container(struct container *c, const struct bundle *b, struct err *e)
{
        if (end_processes(c, e) < 0 || remove_group(c, e) < 0)
                return -e->code;
        tell_poststop(c, b);
        return container_remove(c, e);
}
