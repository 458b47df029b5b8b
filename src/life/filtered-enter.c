#include "filtered-enter.h"

#include "fd.h"
#include "filtered-make.h"
#include "io.h"
#include "net-ports.h"
#include "proc.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int add_socket(const struct filtered_entry *entry, const struct filtered_message *message,
                      int fd, struct err *e)
{
        static const char *const words[] = {
                [FILTERED_LISTEN] = "listen",   [FILTERED_DNS_UDP] = "dns-udp",
                [FILTERED_DNS_TCP] = "dns-tcp", [FILTERED_CONNECT] = "connect",
                [FILTERED_SOCKS] = "socks",     [FILTERED_FORWARD] = "forward",
        };

        if (message->what >= sizeof(words) / sizeof(words[0]))
                return err_set(e, EPROTO, "a socket of the gateway is of no known kind");
        if (fd_set_cloexec(fd, false, e) < 0)
                return -e->code;
        fprintf(entry->config->out, "%s %d", words[message->what], fd);
        if (message->what == FILTERED_FORWARD)
                fprintf(entry->config->out, " 127.0.0.1 %u", message->port);
        fputc('\n', entry->config->out);
        return 0;
}

/* Returns 1 when there are more. */
static int take_sockets(const struct filtered_entry *entry, int sock, struct err *e)
{
        struct filtered_message message;
        int fds[IO_MAX_FDS];
        size_t n_fds = 0;
        ssize_t n = io_receive(sock, &message, sizeof(message), fds, IO_MAX_FDS, &n_fds, e);

        if (n < 0)
                return -e->code;
        if (n != (ssize_t)sizeof(message))
                return err_set(e, EPROTO, "the process that makes the gateway ended too early");
        if (message.what == FILTERED_FAILED) {
                *e = message.err;
                return -e->code;
        }
        /* they are the program's, whose number of them is known by what is written down */
        for (size_t i = 0; i < n_fds; i++) {
                if (add_socket(entry, &message, fds[i], e) < 0)
                        return -e->code;
        }
        return message.what != FILTERED_DONE;
}

static int make_gateway(const struct filtered_entry *entry, struct err *e)
{
        autofd sock = -1;
        pid_t pid = proc_fork_linked(&sock, e);
        int more;

        if (pid < 0)
                return -e->code;
        if (pid == 0) {
                filtered_make(entry->net, entry->userns, entry->netns, sock);
                _exit(0);
        }
        struct child maker = { .pid = pid, .pidfd = -1 };
        do {
                more = take_sockets(entry, sock, e);
        } while (more > 0);
        proc_kill_child(&maker);
        return more;
}

/* What is no port takes some descriptors, too. */
#define OTHER_FILES 40

/* A listener of IPv6 stands beside each of IPv4 where there are any. */
static size_t count_listeners(const struct plan_net *net)
{
        struct net_port_set ports;

        net_ports_of_rules(net, AF_UNSPEC, &ports);
        size_t n = net_ports_count(&ports);
        net_ports_of_rules(net, AF_INET6, &ports);
        return n + net_ports_count(&ports);
}

/* Connections take two descriptors each, so there cannot be too many. */
static int raise_limit(const struct plan_net *net, struct err *e)
{
        size_t n = count_listeners(net);
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return err_sys(e, "cannot read the limit on open files");
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return err_sys(e, "cannot raise the limit on open files");
        if (n + 2 * net->n_host_ports + OTHER_FILES <= limit.rlim_max)
                return 0;
        err_set(e, EMFILE, "the limit of %llu open files is too low for the %zu ports of the rules",
                (unsigned long long)limit.rlim_max, n);
        return err_hint(e, "name fewer ports, or raise it: ulimit -n, limits.conf(5)");
}

int filtered_enter_proxy(void *arg, struct err *e)
{
        const struct filtered_entry *entry = arg;

        /* a Ctrl-C that is meant for the payload goes to the whole process group of the launcher */
        if (setsid() < 0)
                return err_sys(e, "cannot start a session");
        if (raise_limit(entry->net, e) < 0 || make_gateway(entry, e) < 0)
                return -e->code;
        return filtered_config_finish(entry->config, e);
}

/*
 * Entering a user namespace brings every capability over it, and a program that is executed as uid 0
 * of an image's would have them again.
 */
static int drop_capabilities(struct err *e)
{
        cap_t none = cap_init();
        int r = 0;

        if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) < 0)
                r = err_sys(e, "cannot keep capabilities from coming back");
        else if (!none || cap_set_proc(none) < 0)
                r = err_sys(e, "cannot give up the capabilities over the sandbox");
        else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = err_sys(e, "cannot give up new privileges");
        if (none)
                cap_free(none);
        return r;
}

int filtered_enter_publisher(void *arg, struct err *e)
{
        const struct filtered_entry *entry = arg;

        if (setsid() < 0)
                return err_sys(e, "cannot start a session");
        if (raise_limit(entry->net, e) < 0)
                return -e->code;
        if (setns(entry->userns, CLONE_NEWUSER) < 0)
                return err_sys(e, "cannot enter the sandbox's user namespace");
        if (setns(entry->netns, CLONE_NEWNET) < 0)
                return err_sys(e, "cannot enter the sandbox's network namespace");
        if (drop_capabilities(e) < 0)
                return -e->code;
        /* the kernel forgets it when capabilities change */
        return proc_die_with(entry->launcher, e);
}
