#include "cgroup-place.h"

#include "fd.h"
#include "mem.h"
#include "mounts.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *const names[] = { "memory", "cpu", "pids" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The words in a file of a cgroup, as a set. */
static unsigned read_controllers(const struct host_view *v, const char *dir, const char *file)
{
        char path[PATH_MAX + 32];
        char text[512];
        unsigned found = 0;

        snprintf(path, sizeof(path), "%s/%s", dir + 1, file);
        if (host_read(v, path, text, sizeof(text)) <= 0)
                return 0;
        char *at = text;
        for (const char *word; (word = str_next_field(&at, ' '));) {
                for (size_t i = 0; i < COUNT(names); i++) {
                        if (str_eq(word, names[i]))
                                found |= 1u << i;
                }
        }
        return found;
}

unsigned cgroup_get_controllers(const struct host_view *v, const char *dir)
{
        return read_controllers(v, dir, "cgroup.controllers");
}

void cgroup_print_controllers(unsigned controllers, char *ret, size_t size)
{
        size_t len = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < COUNT(names) && len < size; i++) {
                if (controllers & 1u << i)
                        len += (size_t)snprintf(ret + len, size - len, "%s%s", len > 0 ? ", " : "",
                                                names[i]);
        }
}

static bool can_write(const struct host_view *v, const char *dir, const char *file)
{
        char path[PATH_MAX + 32];

        snprintf(path, sizeof(path), "%s/%s", dir + 1, file);
        return faccessat(v->root_fd, path, W_OK, AT_EACCESS) == 0;
}

/* cgroups(7), "Delegation": the directory, and these two files in it. */
static bool is_writable(const struct host_view *v, const char *dir)
{
        return can_write(v, dir, ".") && can_write(v, dir, "cgroup.procs") &&
               can_write(v, dir, "cgroup.subtree_control");
}

/* What systemd writes down of a unit that it was asked for by D-Bus, as by systemd-run. */
static bool is_asked_for(const struct host_view *v, const char *unit)
{
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "run/user/%u/systemd/transient/%s", v->uid, unit);
        autofree char *text = host_read_text(v, path, 1 << 16);
        char *at = text;
        static const char key[] = "Delegate=";

        for (const char *line; (line = str_next_field(&at, '\n'));) {
                const char *value = line + sizeof(key) - 1;

                if (str_has_prefix(line, key))
                        return value[0] != '\0' && !str_eq(value, "no");
        }
        return false;
}

/*
 * Source: systemd's CGROUP_DELEGATION.md, "user.delegate".  Systemds of users that are older than
 * that attribute have written it down elsewhere.
 */
static bool is_marked(const struct host_view *v, const char *dir)
{
        autofd fd = host_open(v, dir + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char value[8];

        if (fd >= 0 && fgetxattr(fd, "user.delegate", value, sizeof(value)) == 1)
                return value[0] == '1';
        return is_asked_for(v, strrchr(dir, '/') + 1);
}

/* Whether a systemd of a user rules over it: "user@1000.service" is itself one of its cgroups. */
static bool is_below_manager(const char *dir)
{
        const char *at = strstr(dir, "/user@");

        return at && strstr(at, ".service");
}

static bool is_manager(const char *dir)
{
        const char *last = strrchr(dir, '/');

        return str_has_prefix(last, "/user@");
}

static bool is_delegated(const struct host_view *v, const char *dir)
{
        if (!is_writable(v, dir) || is_manager(dir))
                return false;
        /* to root all is writable: that says nothing */
        return (v->uid != 0 && !is_below_manager(dir)) || is_marked(v, dir);
}

/* Whether what is left in it when its last process has gone is removed by somebody else. */
static bool is_cleared(const struct host_view *v, const char *dir)
{
        const char *end = strrchr(dir, '.');
        bool is_service = end && str_eq(end, ".service") && host_exists(v, "run/systemd/system");

        return is_service || is_below_manager(dir) || is_marked(v, dir);
}

/* The processes that a cgroup has itself. */
struct inmates {
        bool has_us;
        bool has_companion;
        bool has_others;
};

static struct inmates find_inmates(const struct host_view *v, const char *dir, pid_t companion)
{
        struct inmates found = { 0 };
        char path[PATH_MAX + 32];

        snprintf(path, sizeof(path), "%s/cgroup.procs", dir + 1);
        autofree char *text = host_read_text(v, path, 1 << 20);
        char *at = text;
        for (const char *line; at && (line = str_next_field(&at, '\n'));) {
                pid_t pid = (pid_t)strtol(line, NULL, 10);

                if (line[0] == '\0')
                        continue;
                if (pid == getpid())
                        found.has_us = true;
                else if (companion != 0 && pid == companion)
                        found.has_companion = true;
                else
                        found.has_others = true;
        }
        /* not readable is not empty */
        if (!text)
                found.has_others = true;
        return found;
}

static bool try_place(const struct host_view *v, const char *dir, bool is_own, pid_t companion,
                      struct cgroup_place *ret)
{
        unsigned has_now = read_controllers(v, dir, "cgroup.subtree_control");
        unsigned could = cgroup_get_controllers(v, dir);
        struct inmates in = find_inmates(v, dir, companion);
        bool is_free = !in.has_others &&
                       (is_own ? in.has_us && is_cleared(v, dir) : !in.has_us && !in.has_companion);

        if (!is_delegated(v, dir))
                return false;
        /* with processes in it no more can be handed down */
        ret->controllers = is_free ? could : is_own ? 0 : has_now;
        ret->is_own = is_own;
        ret->companion = is_own && in.has_companion ? companion : 0;
        snprintf(ret->dir, sizeof(ret->dir), "%s", dir);
        return ret->controllers != 0;
}

bool cgroup_find_mount(const struct host_view *v, char *ret, size_t size)
{
        autofree char *text = host_read_mounts(v);
        struct host_mount mount;

        for (char *at = text; host_next_mount(&at, &mount);) {
                if (str_eq(mount.type, "cgroup2")) {
                        int n = snprintf(ret, size, "%s", mount.point);

                        return n > 0 && (size_t)n < size;
                }
        }
        return false;
}

bool cgroup_find_own(const struct host_view *v, const char *mount, char *ret, size_t size)
{
        autofree char *text = host_read_text(v, "proc/self/cgroup", 65536);
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                if (str_has_prefix(line, "0::/")) {
                        int n = snprintf(ret, size, "%s%s", mount, line + 3);

                        return n > 0 && (size_t)n < size;
                }
        }
        return false;
}

bool cgroup_has_manager(const struct host_view *v)
{
        char path[64];

        snprintf(path, sizeof(path), "run/user/%u/bus", v->uid);
        return host_exists(v, path) && host_exists(v, "run/systemd/system");
}

unsigned cgroup_get_manager_controllers(const struct host_view *v)
{
        char mount[PATH_MAX / 2];
        char dir[PATH_MAX];

        if (!cgroup_has_manager(v) || !cgroup_find_mount(v, mount, sizeof(mount)))
                return 0;
        snprintf(dir, sizeof(dir), "%s/user.slice/user-%u.slice/user@%u.service", mount, v->uid,
                 v->uid);
        return cgroup_get_controllers(v, dir);
}

bool cgroup_find_place(const struct host_view *v, pid_t companion, struct cgroup_place *ret)
{
        char mount[PATH_MAX / 2];
        char own[PATH_MAX - 64];

        *ret = (struct cgroup_place){ .dir = "" };
        if (!cgroup_find_mount(v, mount, sizeof(mount)) ||
            !cgroup_find_own(v, mount, own, sizeof(own)))
                return false;
        if (try_place(v, own, true, companion, ret))
                return true;
        char *last = strrchr(own, '/');
        /* not above the mount; the name of its own root ends in '/' */
        if (last && last - own >= (ptrdiff_t)strlen(mount) && last[1] != '\0') {
                *last = '\0';
                if (try_place(v, own, false, companion, ret))
                        return true;
        }
        *ret = (struct cgroup_place){ .dir = "" };
        return false;
}
