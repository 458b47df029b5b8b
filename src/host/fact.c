#include "fact.h"

#include "probes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct host_probe host_probes[] = {
        { "kernel", true, host_probe_kernel },
        { "surroundings", false, host_probe_outer },
        { "user namespaces", true, host_probe_userns },
        { "AppArmor", true, host_probe_apparmor },
        { "other namespaces", true, host_probe_namespaces },
        { "host view", true, host_probe_view },
        { "fresh /proc", true, host_probe_proc },
        { "fresh /sys", true, host_probe_sysfs },
        { "overlay", false, host_probe_overlay },
        { "subordinate ids", false, host_probe_subids },
        { "newuidmap", false, host_probe_newidmap },
        { "seccomp", true, host_probe_seccomp },
        { "Landlock", false, host_probe_landlock },
        { "veth", false, host_probe_veth },
        { "/dev/net/tun", false, host_probe_tun },
        { "slirp4netns", false, host_probe_slirp },
        { "DNS", false, host_probe_dns },
        { "cgroups", false, host_probe_cgroup },
        { "terminals", false, host_probe_terminal },
        { "helper programs", false, host_probe_helpers },
};
const size_t host_n_probes = sizeof(host_probes) / sizeof(host_probes[0]);

static const char *const state_names[] = {
        [HOST_OK] = "ok",
        [HOST_WEAKER] = "weaker",
        [HOST_MISSING] = "missing",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == HOST_MISSING + 1,
              "a name for every state");

const char *host_state_name(enum host_state state)
{
        return state_names[state];
}

void host_fact_set(struct host_fact *fact, enum host_state state, const char *fmt, ...)
{
        va_list ap;

        fact->state = state;
        va_start(ap, fmt);
        vsnprintf(fact->what, sizeof(fact->what), fmt, ap);
        va_end(ap);
}

void host_cause_why(struct host_cause *cause, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(cause->why, sizeof(cause->why), fmt, ap);
        va_end(ap);
}

void host_cause_fix(struct host_cause *cause, const char *fmt, ...)
{
        size_t len = strlen(cause->fix);
        va_list ap;

        if (len > 0 && len + 2 < sizeof(cause->fix))
                cause->fix[len++] = '\n';
        va_start(ap, fmt);
        vsnprintf(cause->fix + len, sizeof(cause->fix) - len, fmt, ap);
        va_end(ap);
}

bool host_is_untried(const struct err *e, enum host_topic subject, struct host_fact *ret)
{
        if (e->step == HOST_TOPIC_USERNS || e->step == HOST_TOPIC_ID_MAP)
                host_fact_set(ret, HOST_MISSING, "needs a user namespace");
        else if (e->step == HOST_TOPIC_NAMESPACES && subject != HOST_TOPIC_NAMESPACES)
                host_fact_set(ret, HOST_MISSING, "needs the other namespaces");
        else
                return false;
        return true;
}
