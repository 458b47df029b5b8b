#include "mem.h"
#include "mounts.h"
#include "probes.h"
#include "str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Limits on memory, processors and processes need a version 2 cgroup that the user may make
 * children in: one that was delegated, or one that the user's own systemd makes on request.
 */

static const char *const wanted[] = { "memory", "cpu", "pids" };

/* Which of the wanted controllers a cgroup does not have; "" when it has all. */
static void find_absent(const struct host_view *v, const char *dir, char *ret, size_t size)
{
        char path[PATH_MAX + 32];
        char text[512] = "";

        ret[0] = '\0';
        snprintf(path, sizeof(path), "%s/cgroup.controllers", dir + 1);
        ssize_t n = host_read(v, path, text + 1, sizeof(text) - 2);
        text[0] = ' ';
        text[n > 0 ? n + 1 : 1] = ' ';
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                char word[32];
                size_t len = strlen(ret);

                snprintf(word, sizeof(word), " %s ", wanted[i]);
                if (!strstr(text, word))
                        snprintf(ret + len, size - len, "%s%s", len > 0 ? ", " : "", wanted[i]);
        }
}

static bool can_write(const struct host_view *v, const char *dir, const char *file)
{
        char path[PATH_MAX + 32];

        snprintf(path, sizeof(path), "%s/%s", dir + 1, file);
        return faccessat(v->root_fd, path, W_OK, AT_EACCESS) == 0;
}

/* cgroups(7), "Delegation": the directory, and these two files in it. */
static bool is_delegated(const struct host_view *v, const char *dir)
{
        return can_write(v, dir, ".") && can_write(v, dir, "cgroup.procs") &&
               can_write(v, dir, "cgroup.subtree_control");
}

/* Where version 2 is mounted; false when it is not. */
static bool find_mount(const struct host_view *v, char *ret, size_t size)
{
        autofree char *text = host_read_mounts(v);
        struct host_mount mount;

        for (char *at = text; host_next_mount(&at, &mount);) {
                if (str_eq(mount.type, "cgroup2")) {
                        snprintf(ret, size, "%s", mount.point);
                        return true;
                }
        }
        return false;
}

/* Our own cgroup, below the mount. */
static bool find_own(const struct host_view *v, const char *mount, char *ret, size_t size)
{
        autofree char *text = host_read_text(v, "proc/self/cgroup", 65536);
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                if (str_has_prefix(line, "0::/")) {
                        snprintf(ret, size, "%s%s", mount, line + 3);
                        return true;
                }
        }
        return false;
}

static void explain_delegate(const struct host_view *v, const char *absent, struct host_cause *ret)
{
        host_cause_why(ret, "your cgroup has no %s", absent);
        host_cause_fix(ret,
                       "%smkdir -p /etc/systemd/system/user@.service.d && printf "
                       "'[Service]\\nDelegate=cpu cpuset io memory pids\\n' | %stee "
                       "/etc/systemd/system/user@.service.d/delegate.conf && %ssystemctl "
                       "daemon-reload   (then log in again)",
                       host_sudo(v), host_sudo(v), host_sudo(v));
}

/* A systemd of the user's own that can be asked, and what it was given. */
static bool probe_systemd(const struct host_view *v, const char *mount, struct host_fact *ret)
{
        char path[PATH_MAX + 128];
        char absent[64];

        snprintf(path, sizeof(path), "run/user/%u/bus", v->uid);
        if (!host_exists(v, path) || !host_exists(v, "run/systemd/system"))
                return false;
        snprintf(path, sizeof(path), "%s/user.slice/user-%u.slice/user@%u.service", mount, v->uid,
                 v->uid);
        find_absent(v, path, absent, sizeof(absent));
        if (absent[0] == '\0') {
                host_fact_set(ret, HOST_OK, "limits through your systemd");
        } else {
                host_fact_set(ret, HOST_WEAKER, "limits through your systemd, but not on %s",
                              absent);
                explain_delegate(v, absent, &ret->cause);
        }
        return true;
}

static void explain_none(const struct host_view *v, const char *mount, struct host_cause *ret)
{
        host_cause_why(ret, "no cgroup was delegated to you, and no systemd of yours is running");
        if (host_exists(v, "run/systemd/system")) {
                host_cause_fix(ret, "%sloginctl enable-linger '%s'   (then log in again)",
                               host_sudo(v), v->user);
                return;
        }
        host_cause_fix(ret,
                       "%ssh -c 'cd %s && mkdir -p kelp && chown -R %u kelp && echo '$$' "
                       ">kelp/cgroup.procs'",
                       host_sudo(v), mount, v->uid);
}

void host_probe_cgroup(const struct host_view *v, struct host_fact *ret)
{
        char mount[PATH_MAX / 2];
        char own[PATH_MAX];

        if (!find_mount(v, mount, sizeof(mount))) {
                host_fact_set(ret, HOST_WEAKER, "limits by rlimits and kelp's own clock only");
                host_cause_why(&ret->cause, "cgroup version 2 is not mounted");
                host_cause_fix(&ret->cause, "add systemd.unified_cgroup_hierarchy=1 to the "
                                            "kernel's command line");
                return;
        }
        if (find_own(v, mount, own, sizeof(own)) && is_delegated(v, own)) {
                char absent[64];

                find_absent(v, own, absent, sizeof(absent));
                if (absent[0] == '\0') {
                        host_fact_set(ret, HOST_OK, "memory, cpu and processes can be limited");
                        return;
                }
                host_fact_set(ret, HOST_WEAKER, "a cgroup of your own, without %s", absent);
                host_cause_why(&ret->cause, "'%s' has no controller for it", own);
                host_cause_fix(&ret->cause, "a controller belongs to version 1 or 2, not both: "
                                            "add systemd.unified_cgroup_hierarchy=1 to the "
                                            "kernel's command line");
                return;
        }
        if (probe_systemd(v, mount, ret))
                return;
        host_fact_set(ret, HOST_WEAKER, "limits by rlimits and kelp's own clock only");
        explain_none(v, mount, &ret->cause);
}
