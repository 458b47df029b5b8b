#include "become.h"

#include "become-ids.h"
#include "become-limits.h"
#include "cap-sets.h"
#include "console.h"
#include "fd.h"
#include "labels.h"
#include "memory-policy.h"
#include "proc.h"
#include "program.h"
#include "scheduler.h"
#include "workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Becoming the command.  What can be done before the word to start is done then, so that `create` hears
 * what fails, and as the container's root, who may do it; the rest follows when there is nothing left
 * to do but that, in this order:
 *
 *      streams, labels       names of /proc are followed while the process is still its root
 *      dumpable              from here on others in the container have the same rights
 *      descriptors           from here on no name under /proc/self/fd leads to the host
 *      groups, bounding set  need capabilities that go with the uid
 *      filter, where no_new_privs is not asked for: the kernel takes it from CAP_SYS_ADMIN alone
 *      uid, capabilities, no_new_privs
 *      directory, program    where the container's root was refused: files of network file systems
 *                            obey their owner alone
 *      filter, exec
 */

static int start_session(struct err *e)
{
        /* of whoever leads one already it is an own one */
        if (setsid() < 0 && getsid(0) != getpid())
                return err_sys(e, "cannot start a session");
        return 0;
}

static int open_terminal(const struct become_spec *spec,
                         int (*on_console)(void *user, int slave, struct err *e), void *user,
                         struct become *b, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;

        if (!p->has_terminal)
                return 0;
        if (console_open(p, spec->console_socket, &b->slave, e) < 0)
                return -e->code;
        if (on_console && on_console(user, b->slave, e) < 0)
                return -e->code;
        return console_use(b->slave, e);
}

/* Fresh, and without a name, by which another of the user's containers could join it. */
static int leave_keyring(const struct become_spec *spec, struct err *e)
{
        if (spec->keeps_keyring)
                return 0;
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS)
                return 0;
        err_sys(e, "cannot join a fresh session keyring");
        return err_hint(e, "--no-new-keyring keeps the caller's, within the container's reach");
}

static int set_personality(const struct become_spec *spec, struct err *e)
{
        if (!spec->container->has_personality)
                return 0;
        if (personality(spec->container->personality) < 0)
                return err_sys(e, "cannot set linux.personality");
        return 0;
}

static int set_resources(const struct become_spec *spec, struct err *e)
{
        const struct bundle *b = spec->bundle;

        if (become_set_oom_score(b, e) < 0 || scheduler_set(&b->process, e) < 0 ||
            memory_policy_set(&spec->container->memory_policy, e) < 0)
                return -e->code;
        return become_set_rlimits(b, e);
}

/* Refused to the container's root: the command's user is asked later. */
static bool is_for_user(const struct become_spec *spec, struct err *e)
{
        if (e->code != EACCES || spec->bundle->process.uid == 0)
                return false;
        *e = (struct err){ 0 };
        return true;
}

static int find_program(const struct become_spec *spec, struct become *b, struct err *e)
{
        if (program_find(&spec->bundle->plan.exec, b->program, sizeof(b->program), e) < 0)
                return -e->code;
        return program_check_foreign(b->program, e);
}

static int enter_workdir(const struct become_spec *spec, struct err *e)
{
        const char *path = spec->bundle->plan.exec.workdir;

        return workdir_enter(path ? path : "/", spec->bundle == spec->container, e);
}

/* An empty program is one that is yet to be found, and then the directory may be, too. */
static int find_command(const struct become_spec *spec, struct become *b, struct err *e)
{
        if (enter_workdir(spec, e) == 0 && find_program(spec, b, e) == 0)
                return 0;
        b->program[0] = '\0';
        return is_for_user(spec, e) ? 0 : -e->code;
}

static void tell_losses(const struct become_spec *spec)
{
        uint64_t lost = cap_sets_lost_ambient(&spec->bundle->process.caps);

        become_ids_tell(spec);
        if (lost)
                notice_debug(spec->notice,
                             "process.capabilities.ambient has capabilities that are not both "
                             "permitted and inheritable (%#llx), ignoring",
                             (unsigned long long)lost);
}

int become_prepare(const struct become_spec *spec,
                   int (*on_console)(void *user, int slave, struct err *e), void *user,
                   struct become *ret, struct err *e)
{
        struct become b = { .slave = -1 };

        if (start_session(e) < 0 || become_ids_reopen_null(e) < 0 ||
            open_terminal(spec, on_console, user, &b, e) < 0 || leave_keyring(spec, e) < 0 ||
            set_personality(spec, e) < 0 || set_resources(spec, e) < 0 ||
            find_command(spec, &b, e) < 0) {
                fd_close(&b.slave);
                return -e->code;
        }
        tell_losses(spec);
        *ret = b;
        return 0;
}

int become_check_preserved(unsigned n, struct err *e)
{
        for (unsigned fd = 3; fd < 3 + n; fd++) {
                int flags = fcntl((int)fd, F_GETFD);

                if (flags < 0 || (flags & FD_CLOEXEC))
                        return err_set(e, EBADF,
                                       "--preserve-fds %u: there is no descriptor %u to pass on", n,
                                       fd);
        }
        return 0;
}

/*
 * Closed, and not just at exec: by /proc/self/fd the program's own name could lead to where one of the
 * host's leads.  What fails is told over `keep`, which exec closes, as it does the listener.
 */
static int close_others(const struct become_spec *spec, int keep, struct err *e)
{
        unsigned first = 3 + spec->preserve_fds;
        int kept[2] = { keep, spec->listener };
        size_t n = 0;

        for (size_t i = 0; i < 2; i++) {
                if (kept[i] < 0)
                        continue;
                if ((unsigned)kept[i] < first)
                        return err_set(e, EINVAL, "descriptor %d is to be preserved and is not",
                                       kept[i]);
                if (fd_set_cloexec(kept[i], true, e) < 0)
                        return -e->code;
                kept[n++] = kept[i];
        }
        fd_sort(kept, n);
        for (size_t i = 0; i < n; i++) {
                if ((unsigned)kept[i] > first && close_range(first, (unsigned)kept[i] - 1, 0) < 0)
                        return err_sys(e, "cannot close inherited descriptors");
                first = (unsigned)kept[i] + 1;
        }
        if (close_range(first, UINT_MAX, 0) < 0)
                return err_sys(e, "cannot close inherited descriptors");
        return 0;
}

static int enter_filter(const struct become_spec *spec, bool is_last, struct err *e)
{
        if (spec->bundle->process.no_new_privs != is_last)
                return 0;
        return profile_enter(spec->profile, spec->listener, spec->state, e);
}

/*
 * Until exec, which takes it back.  So far this process had more rights than anybody in the container, who
 * therefore could not trace it; from here on it has the same, and is not confined yet (CVE-2016-9962).
 */
static int hide(struct err *e)
{
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot hide from the container");
        return 0;
}

static int set_rights(const struct become_spec *spec, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;

        if (become_ids_set(spec, e) < 0 || cap_sets_set(&p->caps, e) < 0)
                return -e->code;
        if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(e, "cannot set no_new_privs");
        return 0;
}

static int shed(const struct become_spec *spec, struct become *b, int keep, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;

        if (become_ids_give_streams(spec, e) < 0 || labels_set(spec, e) < 0 || hide(e) < 0)
                return -e->code;
        b->slave = -1;
        if (close_others(spec, keep, e) < 0 || become_ids_set_groups(spec, e) < 0 ||
            cap_sets_drop_bounding(&p->caps, e) < 0 || proc_reset_signals(e) < 0)
                return -e->code;
        umask(p->has_umask ? p->umask : 0022);
        return 0;
}

int become_finish(const struct become_spec *spec, struct become *b, int keep, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;
        const struct plan_exec *x = &spec->bundle->plan.exec;
        const char *const *env;

        if (become_check_preserved(spec->preserve_fds, e) < 0 ||
            program_add_home(x, p->uid, &env, e) < 0 || shed(spec, b, keep, e) < 0 ||
            enter_filter(spec, false, e) < 0 || set_rights(spec, e) < 0)
                return -e->code;
        if (b->program[0] == '\0' && (enter_workdir(spec, e) < 0 || find_program(spec, b, e) < 0))
                return -e->code;
        if (enter_filter(spec, true, e) < 0)
                return -e->code;
        return program_run(b->program, (const char *const *)x->argv, env, e);
}
