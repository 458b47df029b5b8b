#include "outer.h"

#include "probes.h"
#include "str.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
        [HOST_OUTER_NONE] = "the session around it",
        [HOST_OUTER_PODMAN] = "an outer podman container",
        [HOST_OUTER_DOCKER] = "an outer docker container",
        [HOST_OUTER_KUBERNETES] = "a Kubernetes pod",
        [HOST_OUTER_LXC] = "an outer LXC container",
        [HOST_OUTER_NSPAWN] = "an outer systemd-nspawn container",
        [HOST_OUTER_FLATPAK] = "a Flatpak sandbox",
        [HOST_OUTER_USERNS] = "an outer user namespace",
};
static_assert(sizeof(names) / sizeof(names[0]) == HOST_OUTER_COUNT, "a name for each");

/* Where a field is empty, the text of NONE is used. */
static const char *const fixes[HOST_OUTER_COUNT][HOST_OUTER_WISHES] = {
        [HOST_OUTER_NONE] = {
                [HOST_OUTER_FILTER] = "start kelp outside of the container, service or sandbox "
                                      "whose system call filter it inherits",
                [HOST_OUTER_PROFILE] = "start kelp outside of the container or service whose "
                                       "security profile it inherits",
                [HOST_OUTER_PROC] = "start the outer container or sandbox so that nothing is "
                                    "mounted over parts of its /proc",
                [HOST_OUTER_SYS] = "start the outer container or sandbox so that nothing is "
                                   "mounted over parts of its /sys",
                [HOST_OUTER_TUN] = "give /dev/net/tun to the outer container or sandbox",
                [HOST_OUTER_NNP] = "start kelp outside of the container or service that sets "
                                   "no_new_privs, or use --userns single",
        },
        [HOST_OUTER_PODMAN] = {
                [HOST_OUTER_FILTER] = "podman run --security-opt seccomp=unconfined ...",
                [HOST_OUTER_PROFILE] = "podman run --security-opt label=disable "
                                       "--security-opt apparmor=unconfined ...",
                [HOST_OUTER_PROC] = "podman run --security-opt 'unmask=/proc/*' ...",
                /* with --network host, /sys is the machine's own and cannot be unmasked */
                [HOST_OUTER_SYS] = "podman run --security-opt unmask=ALL ...   (and without "
                                   "--network host)",
                [HOST_OUTER_TUN] = "podman run --device /dev/net/tun ...",
                [HOST_OUTER_NNP] = "start it without --security-opt no-new-privileges",
        },
        [HOST_OUTER_DOCKER] = {
                [HOST_OUTER_FILTER] = "docker run --security-opt seccomp=unconfined ...",
                [HOST_OUTER_PROFILE] = "docker run --security-opt apparmor=unconfined ...",
                [HOST_OUTER_PROC] = "docker run --security-opt systempaths=unconfined ...",
                [HOST_OUTER_SYS] = "docker run --security-opt systempaths=unconfined ...",
                [HOST_OUTER_TUN] = "docker run --device /dev/net/tun ...",
                [HOST_OUTER_NNP] = "start it without --security-opt no-new-privileges",
        },
        [HOST_OUTER_KUBERNETES] = {
                [HOST_OUTER_FILTER] = "in the pod: securityContext.seccompProfile.type: Unconfined",
                [HOST_OUTER_PROFILE] = "in the pod: securityContext.appArmorProfile.type: "
                                       "Unconfined",
                [HOST_OUTER_PROC] = "in the pod: hostUsers: false, and in the container: "
                                     "securityContext.procMount: Unmasked",
                [HOST_OUTER_SYS] = "in the pod: hostUsers: false, and in the container: "
                                     "securityContext.procMount: Unmasked",
                [HOST_OUTER_TUN] = "give the pod /dev/net/tun by a device plugin",
                [HOST_OUTER_NNP] = "in the container: securityContext.allowPrivilegeEscalation: "
                                   "true",
        },
        [HOST_OUTER_LXC] = {
                [HOST_OUTER_FILTER] = "on the host: lxc config set NAME security.nesting true",
                [HOST_OUTER_PROFILE] = "on the host: lxc config set NAME security.nesting true",
                [HOST_OUTER_PROC] = "on the host: lxc config set NAME security.nesting true",
                [HOST_OUTER_SYS] = "on the host: lxc config set NAME security.nesting true",
                [HOST_OUTER_TUN] = "on the host: lxc config device add NAME tun unix-char "
                                   "path=/dev/net/tun",
        },
        [HOST_OUTER_NSPAWN] = {
                [HOST_OUTER_FILTER] = "systemd-nspawn --system-call-filter='@mount @privileged' "
                                      "...",
                [HOST_OUTER_TUN] = "systemd-nspawn --bind=/dev/net/tun "
                                   "--property=DeviceAllow='/dev/net/tun rw' ...",
        },
        [HOST_OUTER_FLATPAK] = {
                [HOST_OUTER_FILTER] = "run it on the host: flatpak-spawn --host kelp ...",
                [HOST_OUTER_PROC] = "run it on the host: flatpak-spawn --host kelp ...",
                [HOST_OUTER_SYS] = "run it on the host: flatpak-spawn --host kelp ...",
                [HOST_OUTER_TUN] = "run it on the host: flatpak-spawn --host kelp ...",
                [HOST_OUTER_NNP] = "run it on the host: flatpak-spawn --host kelp ...",
        },
};

/* systemd's file that names the container manager. */
static enum host_outer by_manager(const char *manager)
{
        static const struct {
                const char *name;
                enum host_outer outer;
        } managers[] = {
                { "podman", HOST_OUTER_PODMAN },
                { "docker", HOST_OUTER_DOCKER },
                { "lxc", HOST_OUTER_LXC },
                { "lxc-libvirt", HOST_OUTER_LXC },
                { "systemd-nspawn", HOST_OUTER_NSPAWN },
        };

        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
                if (str_eq(manager, managers[i].name))
                        return managers[i].outer;
        }
        return HOST_OUTER_NONE;
}

/* A map of all ids is the first namespace's. */
static bool is_in_userns(const struct host_view *v)
{
        unsigned inside = 0;
        unsigned outside = 0;
        unsigned count = 0;
        char text[256];

        if (host_read(v, "proc/self/uid_map", text, sizeof(text)) <= 0)
                return false;
        return sscanf(text, "%u %u %u", &inside, &outside, &count) != 3 || count != UINT32_MAX;
}

enum host_outer host_find_outer(const struct host_view *v)
{
        char manager[64];

        if (getenv("KUBERNETES_SERVICE_HOST"))
                return HOST_OUTER_KUBERNETES;
        if (host_exists(v, "run/.containerenv"))
                return HOST_OUTER_PODMAN;
        if (host_exists(v, ".dockerenv"))
                return HOST_OUTER_DOCKER;
        if (host_exists(v, ".flatpak-info"))
                return HOST_OUTER_FLATPAK;
        if (host_read(v, "run/systemd/container", manager, sizeof(manager)) > 0) {
                enum host_outer outer = by_manager(manager);

                if (outer != HOST_OUTER_NONE)
                        return outer;
        }
        return is_in_userns(v) ? HOST_OUTER_USERNS : HOST_OUTER_NONE;
}

const char *host_outer_name(enum host_outer outer)
{
        return names[outer];
}

void host_outer_fix(enum host_outer outer, enum host_outer_wish wish, struct host_cause *cause)
{
        const char *fix = fixes[outer][wish];

        host_cause_fix(cause, "%s", fix ? fix : fixes[HOST_OUTER_NONE][wish]);
}

void host_probe_outer(const struct host_view *v, struct host_fact *ret)
{
        enum host_outer outer = host_find_outer(v);

        if (outer == HOST_OUTER_NONE)
                host_fact_set(ret, HOST_OK, "directly on the machine, in no container");
        else
                host_fact_set(ret, HOST_OK, "inside %s", names[outer]);
}
