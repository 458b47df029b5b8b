#include "cgroup-place.h"
#include "helpers.h"
#include "probes.h"

#include <stdio.h>

/*
 * Limits on memory, processors and processes that the kernel keeps for a sandbox as a whole need a
 * version 2 cgroup that the user may make children in (cgroup-place.h).
 */

static const char without[] = "memory is looked at, processes are counted by their user; no limit "
                              "on processors";

static void explain_boot(struct host_cause *ret)
{
        host_cause_fix(ret, "a controller belongs to version 1 or 2, not both: add "
                            "systemd.unified_cgroup_hierarchy=1 to the kernel's command line");
}

static void explain_delegate(const struct host_view *v, unsigned absent, struct host_cause *ret)
{
        char names[64];

        cgroup_print_controllers(absent, names, sizeof(names));
        host_cause_why(ret, "your systemd was not given the controllers %s", names);
        host_cause_fix(ret,
                       "%smkdir -p /etc/systemd/system/user@.service.d && printf "
                       "'[Service]\\nDelegate=cpu cpuset io memory pids\\n' | %stee "
                       "/etc/systemd/system/user@.service.d/delegate.conf && %ssystemctl "
                       "daemon-reload   (then log in again)",
                       host_sudo(v), host_sudo(v), host_sudo(v));
}

static void tell_scope(const struct host_view *v, unsigned could, struct host_fact *ret)
{
        unsigned absent = CGROUP_ALL & ~could;
        char names[64];

        cgroup_print_controllers(absent, names, sizeof(names));
        if (absent == 0) {
                host_fact_set(ret, HOST_OK,
                              "a cgroup for each sandbox, in a scope of your systemd, limits "
                              "memory, processors and processes");
                return;
        }
        host_fact_set(ret, HOST_WEAKER,
                      "a cgroup for each sandbox, in a scope of your systemd, without %s", names);
        explain_delegate(v, absent, &ret->cause);
}

/* A systemd of the user's own that can be asked for a scope, and what it was given. */
static bool probe_systemd(const struct host_view *v, struct host_fact *ret)
{
        unsigned could = cgroup_get_manager_controllers(v);
        char path[PATH_MAX];

        if (!cgroup_has_manager(v))
                return false;
        if (could != 0 && host_find_helper(v->exe, "kelp-scope", path, sizeof(path))) {
                tell_scope(v, could, ret);
                return true;
        }
        host_fact_set(ret, HOST_WEAKER, "%s", without);
        if (could != CGROUP_ALL) {
                explain_delegate(v, CGROUP_ALL & ~could, &ret->cause);
                return true;
        }
        host_cause_why(&ret->cause, "no cgroup was delegated to this session, and 'kelp-scope', "
                                    "which asks your systemd for one, is not installed");
        host_cause_fix(&ret->cause,
                       "start it as "
                       "systemd-run --user --scope -q -p Delegate=yes -- kelp run ...");
        return true;
}

static void explain_none(const struct host_view *v, const char *mount, struct host_cause *ret)
{
        if (cgroup_get_controllers(v, mount) == 0) {
                host_cause_why(ret, "no controller belongs to version 2 of cgroups");
                explain_boot(ret);
                return;
        }
        host_cause_why(ret, "no cgroup was delegated to you, and no systemd of yours is running");
        if (host_exists(v, "run/systemd/system")) {
                host_cause_fix(ret, "%sloginctl enable-linger '%s'   (then log in again)",
                               host_sudo(v), v->user);
                return;
        }
        host_cause_fix(ret,
                       "%ssh -c 'cd %s && echo +memory +cpu +pids >cgroup.subtree_control && "
                       "mkdir -p kelp/shell && cd kelp && chown %u . cgroup.procs "
                       "cgroup.subtree_control shell shell/cgroup.procs && echo '$$' "
                       ">shell/cgroup.procs'",
                       host_sudo(v), mount, v->uid);
}

static void tell_place(const struct cgroup_place *place, struct host_fact *ret)
{
        unsigned absent = CGROUP_ALL & ~place->controllers;
        char names[64];

        cgroup_print_controllers(absent, names, sizeof(names));
        if (absent == 0) {
                host_fact_set(ret, HOST_OK,
                              "a cgroup for each sandbox limits memory, processors and processes");
                return;
        }
        host_fact_set(ret, HOST_WEAKER, "a cgroup for each sandbox, without %s", names);
        host_cause_why(&ret->cause, "'%s' has no controller for it", place->dir);
        explain_boot(&ret->cause);
}

void host_probe_cgroup(const struct host_view *v, struct host_fact *ret)
{
        struct cgroup_place place;
        char mount[PATH_MAX / 2];

        if (!cgroup_find_mount(v, mount, sizeof(mount))) {
                host_fact_set(ret, HOST_WEAKER, "%s", without);
                host_cause_why(&ret->cause, "cgroup version 2 is not mounted");
                host_cause_fix(&ret->cause, "add systemd.unified_cgroup_hierarchy=1 to the "
                                            "kernel's command line");
                return;
        }
        bool has_place = cgroup_find_place(v, 0, &place);
        if (has_place && (place.controllers & CGROUP_ALL) == CGROUP_ALL) {
                tell_place(&place, ret);
                return;
        }
        if (probe_systemd(v, ret))
                return;
        if (has_place) {
                tell_place(&place, ret);
                return;
        }
        host_fact_set(ret, HOST_WEAKER, "%s", without);
        explain_none(v, mount, &ret->cause);
}
