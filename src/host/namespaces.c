#include "attempt.h"
#include "cause.h"
#include "probes.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
        int flag;
        const char *kind; /* as in user.max_*_namespaces */
        const char *name;
} kinds[] = {
        { CLONE_NEWNS, "mnt", "mount" },      { CLONE_NEWPID, "pid", "pid" },
        { CLONE_NEWNET, "net", "network" },   { CLONE_NEWIPC, "ipc", "ipc" },
        { CLONE_NEWUTS, "uts", "host name" }, { CLONE_NEWCGROUP, "cgroup", "cgroup" },
};

/*
 * One at a time, so that the one that is refused can be named; `note` gets its kind.  The filters of
 * outer containers allow the namespaces and refuse what is done with the host name.
 */
static int unshare_each(void *data, char *note, struct err *e)
{
        (void)data;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (unshare(kinds[i].flag) == 0)
                        continue;
                snprintf(note, HOST_NOTE_SIZE, "%s", kinds[i].kind);
                return host_failed(e, HOST_TOPIC_NAMESPACES,
                                   err_sys(e, "cannot make a %s namespace", kinds[i].name));
        }
        if (sethostname("kelp", strlen("kelp")) == 0)
                return 0;
        snprintf(note, HOST_NOTE_SIZE, "uts");
        return host_failed(e, HOST_TOPIC_NAMESPACES,
                           err_sys(e, "cannot set a sandbox's host name"));
}

static bool explain(const struct host_view *v, int code, const char *kind, struct host_cause *ret)
{
        switch (code) {
        case ENOSPC:
        case EUSERS:
                host_cause_limit(v, kind, ret);
                return true;
        case EINVAL:
                host_cause_why(ret, "this kernel was built without %s namespaces", kind);
                host_cause_fix(ret, "use a kernel with all kinds of namespaces");
                return true;
        default:
                return host_cause_refused(v, code, ret);
        }
}

bool host_cause_namespaces(const struct host_view *v, int code, struct host_cause *ret)
{
        const struct host_attempt attempt = { .run = unshare_each, .in_userns = true };
        char kind[HOST_NOTE_SIZE] = "";
        struct err e = { 0 };

        if (host_attempt(v, &attempt, kind, &e) == 0 || e.step != HOST_TOPIC_NAMESPACES)
                return false;
        return explain(v, code, kind, ret);
}

void host_probe_namespaces(const struct host_view *v, struct host_fact *ret)
{
        const struct host_attempt attempt = { .run = unshare_each, .in_userns = true };
        char kind[HOST_NOTE_SIZE] = "";
        struct err e = { 0 };

        if (host_attempt(v, &attempt, kind, &e) == 0) {
                host_fact_set(ret, HOST_OK, "mount, pid, network, ipc, host name, cgroup");
                return;
        }
        if (host_is_untried(&e, HOST_TOPIC_NAMESPACES, ret))
                return;
        host_fact_set(ret, HOST_MISSING, "%.*s", err_message_len(&e), e.text);
        explain(v, e.code, kind, &ret->cause);
}
