#include "port-holder.h"

#include "fd.h"
#include "io.h"
#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_TABLE (16 << 20)

struct holder {
        unsigned long inode; /* of the socket; 0: none found */
        unsigned uid;
};

/* States of a socket that keeps others from its port.  Source: include/net/tcp_states.h. */
#define STATE_LISTEN 0x0au
#define STATE_CLOSE  0x07u /* an unconnected UDP socket */

/*
 * One line of /proc/net/{tcp,udp}[6]: "sl local rem st tx:rx tr:when retr uid timeout inode".
 * Source: Documentation/networking/proc_net_tcp.rst.
 */
static bool is_holder(const char *line, const struct plan_port *port, struct holder *ret)
{
        char address[33];
        unsigned local_port;
        unsigned state;
        struct holder h;
        struct in_addr wanted;
        char wanted_hex[9];

        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers, in their range */
        if (sscanf(line, " %*[^:]: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %u %*u %lu",
                   address, &local_port, &state, &h.uid, &h.inode) != 5)
                return false;
        if (local_port != port->host_port || state != (port->is_udp ? STATE_CLOSE : STATE_LISTEN))
                return false;
        *ret = h;
        if (strspn(address, "0") == strlen(address))
                return true;
        if (inet_pton(AF_INET, port->host_address, &wanted) != 1)
                return false;
        snprintf(wanted_hex, sizeof(wanted_hex), "%08X", wanted.s_addr);
        /* an IPv4-mapped address ends with the same eight digits */
        return wanted.s_addr == INADDR_ANY || str_has_suffix(address, wanted_hex);
}

static bool find_in_table(const char *path, const struct plan_port *port, struct holder *ret)
{
        autofree char *text = NULL;
        struct err unused = { 0 };
        char *rest;

        if (io_read_file(AT_FDCWD, path, MAX_TABLE, &text, NULL, &unused) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                if (is_holder(line, port, ret))
                        return true;
        }
        return false;
}

static bool process_has(const char *pid, const char *wanted)
{
        char path[32];
        autodir *dir = NULL;
        struct dirent *entry;

        snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
        dir = opendir(path);
        if (!dir)
                return false;
        while ((entry = readdir(dir))) {
                char target[64];
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

                if (n > 0) {
                        target[n] = '\0';
                        if (str_eq(target, wanted))
                                return true;
                }
        }
        return false;
}

/* The process that has the socket open, among those whose descriptors this user may see. */
static bool find_process(unsigned long inode, char *name, size_t size, unsigned *ret_pid)
{
        char wanted[48];
        autodir *dir = opendir("/proc");
        struct dirent *entry;

        snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
        while (dir && (entry = readdir(dir))) {
                struct err unused = { 0 };
                char path[64];
                uint64_t pid;

                if (parse_number(entry->d_name, 1, UINT32_MAX, &pid, &unused) < 0 ||
                    !process_has(entry->d_name, wanted))
                        continue;
                snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
                if (io_read_small(AT_FDCWD, path, name, size) < 0)
                        return false;
                *ret_pid = (unsigned)pid;
                return true;
        }
        return false;
}

static int explain_in_use(const struct plan_port *port, struct err *e)
{
        static const char *const tables[2][2] = {
                { "/proc/net/tcp", "/proc/net/tcp6" },
                { "/proc/net/udp", "/proc/net/udp6" },
        };
        struct holder holder = { 0 };
        char name[32];
        unsigned pid;

        for (size_t i = 0; i < 2 && holder.inode == 0; i++) {
                struct holder found;

                if (find_in_table(tables[port->is_udp][i], port, &found))
                        holder = found;
        }
        if (holder.inode == 0)
                err_set(e, EADDRINUSE, "the port is in use");
        else if (find_process(holder.inode, name, sizeof(name), &pid))
                err_set(e, EADDRINUSE, "the port is in use by '%s' (process %u)", name, pid);
        else
                err_set(e, EADDRINUSE, "the port is in use by a process of user %u", holder.uid);
        return err_hint(e, "take another host port: -p PORT:%u", (unsigned)port->box_port);
}

static uint64_t first_free_port(void)
{
        char text[16];
        uint64_t port;
        struct err unused = { 0 };

        if (io_read_small(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", text,
                          sizeof(text)) < 0 ||
            parse_number(text, 0, 65536, &port, &unused) < 0)
                return 1024;
        return port;
}

static int explain_privileged(struct err *e)
{
        err_set(e, EACCES, "ports below %u need root on this machine", (unsigned)first_free_port());
        return err_hint(e, "publish a higher one, or: sudo sysctl "
                           "net.ipv4.ip_unprivileged_port_start=0");
}

int port_explain(const struct plan_port *port, int code, struct err *e)
{
        switch (code) {
        case EADDRINUSE:
                return explain_in_use(port, e);
        case EACCES:
                return explain_privileged(e);
        case EADDRNOTAVAIL:
                return err_set(e, code, "this host has no address '%s'", port->host_address);
        default:
                errno = code;
                return err_sys(e, "cannot listen");
        }
}

int port_try(const struct plan_port *port, struct err *e)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port->host_port) };
        autofd sock = socket(AF_INET, (port->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        int one = 1;

        if (sock < 0 || inet_pton(AF_INET, port->host_address, &address.sin_addr) != 1)
                return 0;
        /* as slirp4netns does it */
        if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
                return 0;
        if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            (!port->is_udp && listen(sock, 1) < 0))
                return port_explain(port, errno, e);
        /* root may, but slirp4netns is not root outside the sandbox */
        return port->host_port < first_free_port() ? explain_privileged(e) : 0;
}
