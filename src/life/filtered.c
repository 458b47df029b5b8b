#include "filtered.h"

#include "fd.h"
#include "filtered-enter.h"
#include "helper-find.h"
#include "io.h"
#include "port-holder.h"
#include "step.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one of the two is started with. */
struct start {
        const char *path;
        struct filtered_config config;
        int control; /* its own end; -1: none */
        int keep[PLAN_MAX_PORTS + 3];
        size_t n_keep;
};

static void start_done(struct start *s)
{
        filtered_config_done(&s->config);
        fd_close(&s->control);
}

#define autostart __attribute__((cleanup(start_done))) struct start

#define START_NONE                                                                                 \
        {                                                                                          \
                .config = FILTERED_CONFIG_NONE, .control = -1                                      \
        }

static int open_start(struct start *s, int *ret_control, struct err *e)
{
        if (filtered_config_open(&s->config, e) < 0 ||
            fd_socketpair(ret_control, &s->control, e) < 0)
                return -e->code;
        s->keep[s->n_keep++] = s->control;
        s->keep[s->n_keep++] = s->config.fd;
        return 0;
}

static int run_start(struct start *s, struct filtered_entry *entry,
                     int (*prepare)(void *arg, struct err *e), struct child *ret, struct err *e)
{
        char control[16];
        char config[16];
        const char *const argv[] = { s->path, control, config, NULL };
        struct proc_spec spec = {
                .path = s->path,
                .argv = argv,
                .stdin_fd = -1,
                .stdout_fd = -1,
                .stderr_fd = -1,
                .keep = s->keep,
                .n_keep = s->n_keep,
                .die_with_parent = true,
                .prepare = prepare,
                .prepare_arg = entry,
        };

        snprintf(control, sizeof(control), "%d", s->control);
        snprintf(config, sizeof(config), "%d", s->config.fd);
        return proc_start(&spec, ret, e);
}

/*
 * A command of an earlier run may have put a link in the place of a log in its own directory, and
 * what is appended would then go to a file of the user's.
 */
static int open_log(const char *path, int *ret, struct err *e)
{
        struct stat st;

        if (!path)
                return 0;
        autofd log =
                open(path,
                     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                     0600);
        if (log < 0 && errno == ELOOP) {
                err_set(e, ELOOP, "the log '%s' is a symlink, which is not followed", path);
                return err_hint(e, "name the file itself");
        }
        if (log < 0)
                return err_sys(e, "cannot open the log '%s'", path);
        if (fstat(log, &st) < 0)
                return err_sys(e, "cannot stat the log '%s'", path);
        if (!S_ISREG(st.st_mode)) {
                err_set(e, EINVAL, "the log '%s' is no regular file", path);
                return err_hint(e, "name one that is, or that is not there yet");
        }
        *ret = fd_take(&log);
        return 0;
}

static int start_proxy(const struct plan *p, const char *path, int launcher, struct run *r,
                       struct err *e)
{
        autostart s = START_NONE;
        autofd log = -1;

        s.path = path;
        if (open_log(p->net.log, &log, e) < 0 || open_start(&s, &r->proxy_control, e) < 0)
                return -e->code;
        if (log >= 0)
                s.keep[s.n_keep++] = log;
        filtered_config_add_plan(&s.config, p, log);
        if (filtered_config_flush(&s.config, e) < 0)
                return -e->code;
        struct filtered_entry entry = { &p->net, &s.config, r->userns, r->netns, launcher };
        return run_start(&s, &entry, filtered_enter_proxy, &r->proxy, e);
}

/* A socket of the host that is published. */
static int listen_on(const struct plan_port *port, struct err *e)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port->host_port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port->host_port) };
        bool is_v6 = strchr(port->host_address, ':') != NULL;
        struct sockaddr *address = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
        autofd sock = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int one = 1;

        if (inet_pton(address->sa_family, port->host_address,
                      is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
                return err_set(e, EINVAL, "'%s' is not an address", port->host_address);
        if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            (is_v6 && setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0))
                return err_sys(e, "cannot make a socket");
        if (bind(sock, address, is_v6 ? sizeof(v6) : sizeof(v4)) < 0 || listen(sock, SOMAXCONN) < 0)
                return port_explain(port, errno, e);
        return fd_take(&sock);
}

static int add_port(struct start *s, const struct plan_port *port, struct err *e)
{
        int sock = listen_on(port, e);

        if (sock < 0)
                return err_prefix(e, "cannot publish %s:%u/tcp", port->host_address,
                                  (unsigned)port->host_port);
        s->keep[s->n_keep++] = sock;
        fprintf(s->config.out, "forward %d 127.0.0.1 %u\n", sock, port->box_port);
        return 0;
}

/* The sockets are the other process's alone once it is there. */
static void close_ports(struct start *s, size_t from)
{
        while (s->n_keep > from)
                fd_close(&s->keep[--s->n_keep]);
}

static int start_publisher(const struct plan *p, const char *path, int launcher, struct run *r,
                           struct err *e)
{
        autostart s = START_NONE;
        int result = 0;

        if (p->net.n_ports == 0)
                return 0;
        s.path = path;
        if (open_start(&s, &r->publisher_control, e) < 0)
                return -e->code;
        size_t own = s.n_keep;
        for (size_t i = 0; i < p->net.n_ports && result == 0; i++)
                result = add_port(&s, &p->net.ports[i], e);
        if (result == 0)
                result = filtered_config_finish(&s.config, e);
        struct filtered_entry entry = { &p->net, &s.config, r->userns, r->netns, launcher };
        if (result == 0)
                result = run_start(&s, &entry, filtered_enter_publisher, &r->publisher, e);
        close_ports(&s, own);
        return result;
}

static int start_both(const struct plan *p, struct run *r, struct err *e)
{
        struct arena arena = { 0 };
        autofd self = proc_pidfd(getpid(), e);
        int result = -1;

        if (self < 0)
                return -e->code;
        const char *path = helper_find(&arena, "kelp-proxy", e);
        if (path)
                result = start_proxy(p, path, self, r, e);
        if (path && result == 0)
                result = start_publisher(p, path, self, r, e);
        arena_done(&arena);
        return path ? result : -e->code;
}

static int fail(struct err *e)
{
        e->step = STEP_NETWORK;
        return err_prefix(e, "--network filtered");
}

int filtered_start(const struct plan *p, struct run *r, struct err *e)
{
        if (p->net.mode != PLAN_NETWORK_FILTERED)
                return 0;
        return start_both(p, r, e) < 0 ? fail(e) : 0;
}

/* It takes some 5 ms; whoever needs longer than this is not coming up. */
#define READY_MS 8000

static int wait_for_word(int control, struct err *e)
{
        int n = io_wait(control, READY_MS);

        if (n < 0)
                return err_sys(e, "cannot wait for kelp-proxy");
        if (n == 0)
                return err_set(e, ETIMEDOUT, "kelp-proxy was not ready within %d seconds",
                               READY_MS / 1000);
        return 0;
}

static int report_death(struct child *child, struct err *e)
{
        int status;

        if (proc_wait(child, &status, e) < 0)
                return -e->code;
        if (WIFSIGNALED(status))
                return err_set(e, EIO,
                               "kelp-proxy was killed by signal %d (%s) before it was ready",
                               WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
        return err_set(e, EIO, "kelp-proxy ended with status %d before it was ready",
                       WEXITSTATUS(status));
}

/* "error TEXT", and a hint behind a newline. */
static int take_error(char *text, struct err *e)
{
        char *hint = strchr(text, '\n');

        if (hint)
                *hint++ = '\0';
        err_set(e, EIO, "%s", text);
        return hint ? err_hint(e, "%s", hint) : -e->code;
}

static int await_one(struct child *child, int control, struct err *e)
{
        static const char error[] = "error ";
        char word[1024];

        if (wait_for_word(control, e) < 0)
                return -e->code;
        ssize_t n = io_receive(control, word, sizeof(word) - 1, NULL, 0, NULL, e);
        if (n < 0 && e->code != ECONNRESET)
                return -e->code;
        if (n <= 0) {
                *e = (struct err){ 0 };
                return report_death(child, e);
        }
        word[n] = '\0';
        if (str_eq(word, "ready"))
                return 0;
        if (str_has_prefix(word, error))
                return take_error(word + sizeof(error) - 1, e);
        return err_set(e, EPROTO, "kelp-proxy says what nobody asked for");
}

int filtered_await(struct run *r, const struct plan *p, struct err *e)
{
        if (p->net.mode != PLAN_NETWORK_FILTERED)
                return 0;
        if (await_one(&r->proxy, r->proxy_control, e) < 0)
                return fail(e);
        if (p->net.n_ports > 0 && await_one(&r->publisher, r->publisher_control, e) < 0) {
                err_prefix(e, "published ports");
                return fail(e);
        }
        return 0;
}
