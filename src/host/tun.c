#include "attempt.h"
#include "cause.h"
#include "fd.h"
#include "mem.h"
#include "outer.h"
#include "probes.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/*
 * slirp4netns needs a tap device, made through /dev/net/tun inside the sandbox's own network
 * namespace.  The node can be absent, be there without a driver behind it, be closed to the user
 * by its mode, or be refused by a device cgroup; the errno of open tells the last two apart.
 */

#define NODE "dev/net/tun"

/* The driver's line in proc/misc is there from the moment it is loaded. */
static bool is_driver_loaded(const struct host_view *v)
{
        autofree char *text = host_read_text(v, "proc/misc", 65536);
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                if (str_has_suffix(line, " tun"))
                        return true;
        }
        return false;
}

static void explain_driver(const struct host_view *v, struct host_cause *ret)
{
        if (host_has_module(v, "tun") || host_find_outer(v) == HOST_OUTER_NONE) {
                host_cause_why(ret, "the kernel module 'tun' is not loaded");
                host_cause_fix(ret, "%smodprobe tun", host_sudo(v));
                host_cause_fix(ret, "to keep it: echo tun | %stee /etc/modules-load.d/tun.conf",
                               host_sudo(v));
                host_cause_fix(ret, "if there is no such module: a kernel with CONFIG_TUN");
                return;
        }
        host_cause_why(ret, "the host's kernel has not loaded its module 'tun'");
        host_cause_fix(ret, "on the host, outside of all containers: sudo modprobe tun");
}

static void explain_node(const struct host_view *v, struct host_cause *ret)
{
        enum host_outer outer = host_find_outer(v);

        if (!is_driver_loaded(v)) {
                explain_driver(v, ret);
                return;
        }
        if (outer != HOST_OUTER_NONE) {
                host_cause_why(ret, "%s does not give its /dev/net/tun to what runs inside",
                               host_outer_name(outer));
                host_outer_fix(outer, HOST_OUTER_TUN, ret);
                return;
        }
        host_cause_why(ret, "the kernel has the driver, but there is no device node");
        host_cause_fix(ret, "%ssh -c 'mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200'",
                       host_sudo(v));
}

static void explain_mode(const struct host_view *v, struct host_cause *ret)
{
        struct statvfs vfs;
        struct stat st;

        if (fstatat(v->root_fd, NODE, &st, 0) < 0) {
                host_cause_why(ret, "a directory above /dev/net/tun is closed to you");
                host_cause_fix(ret, "%schmod 755 /dev /dev/net", host_sudo(v));
                return;
        }
        autofd fd = openat(v->root_fd, NODE, O_PATH | O_CLOEXEC);
        if (fd >= 0 && fstatvfs(fd, &vfs) == 0 && (vfs.f_flag & ST_NODEV)) {
                enum host_outer outer = host_find_outer(v);

                host_cause_why(ret, "/dev/net/tun lies on a file system that is mounted nodev");
                host_outer_fix(outer, HOST_OUTER_TUN, ret);
                return;
        }
        host_cause_why(ret, "the mode of /dev/net/tun is %04o, which keeps you out",
                       st.st_mode & 07777);
        host_cause_fix(ret, "%schmod 666 /dev/net/tun", host_sudo(v));
        host_cause_fix(ret,
                       "to keep it: echo 'KERNEL==\"tun\", MODE=\"0666\"' | %stee "
                       "/etc/udev/rules.d/60-tun.rules",
                       host_sudo(v));
}

/* The open that slirp4netns does; 0 or a negative errno. */
static int open_node(const struct host_view *v)
{
        struct stat st;
        autofd fd = openat(v->root_fd, NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
                return -ENODEV;
        return 0;
}

static bool explain(const struct host_view *v, int code, struct host_cause *ret)
{
        switch (code) {
        case ENOENT:
        case ENOTDIR:
                explain_node(v, ret);
                return true;
        case EACCES:
                explain_mode(v, ret);
                return true;
        case EPERM: {
                enum host_outer outer = host_find_outer(v);

                host_cause_why(ret, "the device cgroup of %s refuses /dev/net/tun",
                               host_outer_name(outer));
                host_outer_fix(outer, HOST_OUTER_TUN, ret);
                return true;
        }
        case ENODEV:
        case ENXIO:
                explain_driver(v, ret);
                return true;
        default:
                return false;
        }
}

bool host_cause_tun(const struct host_view *v, struct host_cause *ret)
{
        int r = open_node(v);

        return r < 0 && explain(v, -r, ret);
}

/* A tap device in a network namespace of the child's own. */
static int make_tap(void *data, char *note, struct err *e)
{
        const struct host_view *v = data;
        struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

        (void)note;
        if (unshare(CLONE_NEWNET) < 0)
                return host_failed(e, HOST_TOPIC_NAMESPACES,
                                   err_sys(e, "cannot make a network namespace"));
        autofd fd = openat(v->root_fd, NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return host_failed(e, HOST_TOPIC_TUN, err_sys(e, "cannot open '/dev/net/tun'"));
        snprintf(request.ifr_name, sizeof(request.ifr_name), "tap0");
        if (ioctl(fd, TUNSETIFF, &request) < 0)
                return host_failed(e, HOST_TOPIC_TUN, err_sys(e, "cannot make a tap device"));
        return 0;
}

void host_probe_tun(const struct host_view *v, struct host_fact *ret)
{
        struct host_view own = *v;
        const struct host_attempt attempt = {
                .run = make_tap,
                .data = &own,
                .in_userns = true,
        };
        struct err e = { 0 };
        int r = open_node(v);

        if (r < 0) {
                host_fact_set(ret, HOST_MISSING, "--network user cannot work: %s", err_name(-r));
                explain(v, -r, &ret->cause);
                return;
        }
        if (host_attempt(v, &attempt, NULL, &e) == 0) {
                host_fact_set(ret, HOST_OK, "--network user can make its device");
                return;
        }
        if (host_is_untried(&e, HOST_TOPIC_TUN, ret))
                return;
        host_fact_set(ret, HOST_MISSING, "--network user cannot work: %.*s", err_message_len(&e),
                      e.text);
        host_cause_refused(v, e.code, &ret->cause);
}
