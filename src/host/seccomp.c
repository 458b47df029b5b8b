#include "attempt.h"
#include "cause.h"
#include "probes.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* seccomp(2): the actions that kelp's filters use, now and for observing. */
static const struct {
        unsigned action;
        const char *name;
        bool is_needed;
} actions[] = {
        { SECCOMP_RET_KILL_PROCESS, "kill_process", true },
        { SECCOMP_RET_ERRNO, "errno", true },
        { SECCOMP_RET_ALLOW, "allow", true },
        { SECCOMP_RET_TRACE, "trace", false },
        { SECCOMP_RET_LOG, "log", false },
        { SECCOMP_RET_USER_NOTIF, "user_notif", false },
};

static bool has_action(unsigned action)
{
        return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* The smallest filter there is. */
static int load_filter(void *data, char *note, struct err *e)
{
        struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
        struct sock_fprog program = { .len = 1, .filter = allow };

        (void)data;
        (void)note;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return host_failed(e, HOST_TOPIC_SECCOMP, err_sys(e, "cannot set no_new_privs"));
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
                return host_failed(e, HOST_TOPIC_SECCOMP,
                                   err_sys(e, "cannot load a system call filter"));
        return 0;
}

static void explain(const struct host_view *v, int code, struct host_cause *ret)
{
        if (code == EINVAL || !host_cause_seccomp(v, code, ret)) {
                host_cause_why(ret, "this kernel was built without seccomp filters");
                host_cause_fix(ret, "use a kernel with CONFIG_SECCOMP_FILTER=y");
        }
}

void host_probe_seccomp(const struct host_view *v, struct host_fact *ret)
{
        const struct host_attempt attempt = { .run = load_filter };
        const char *absent = NULL;
        struct err e = { 0 };

        if (host_attempt(v, &attempt, NULL, &e) < 0) {
                host_fact_set(ret, HOST_MISSING, "%.*s", err_message_len(&e), e.text);
                explain(v, e.code, &ret->cause);
                return;
        }
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
                if (has_action(actions[i].action))
                        continue;
                absent = actions[i].name;
                if (actions[i].is_needed)
                        break;
        }
        if (!absent) {
                host_fact_set(ret, HOST_OK, "filters, with all actions and user notification");
                return;
        }
        host_fact_set(ret, HOST_WEAKER, "filters, without the action '%s'", absent);
        host_cause_why(&ret->cause, "this kernel is too old for it");
        host_cause_fix(&ret->cause, "use Linux 5.0 or later");
}
