#include "control.h"

#include "fd.h"
#include "io.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* More wait to be taken than the supervisor takes in a turn. */
#define BACKLOG 64

void control_request_done(struct control_request *r)
{
        for (size_t i = 0; i < r->n_fds; i++)
                fd_close(&r->fds[i]);
        r->n_fds = 0;
        fd_close(&r->sock);
}

/* A socket has a short name, and a directory may have a long one: so it goes by its descriptor. */
static struct sockaddr_un name_socket(int box_dir)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", box_dir);
        return address;
}

static int make_socket(int flags, struct err *e)
{
        int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

        return sock < 0 ? err_sys(e, "cannot make a socket") : sock;
}

int control_listen(int box_dir, struct err *e)
{
        struct sockaddr_un address = name_socket(box_dir);
        autofd sock = make_socket(SOCK_NONBLOCK, e);

        if (sock < 0)
                return -e->code;
        /* its file gets the mode of the socket: no other one is ever seen */
        if (fchmod(sock, 0600) < 0 ||
            bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(sock, BACKLOG) < 0)
                return err_sys(e, "cannot listen on the control socket");
        return fd_take(&sock);
}

static bool is_own_peer(int sock, struct ucred *ret)
{
        socklen_t len = sizeof(*ret);

        return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, ret, &len) == 0 && ret->uid == getuid();
}

/* The peer is who began to listen; in a sandbox nobody has a number of this pid namespace alone. */
static int judge_supervisor(pid_t pid, const struct box_status *status, struct err *e)
{
        struct proc_place place = { .depth = 1 };
        uint64_t start = status->supervisor_start;

        if (pid == status->supervisor &&
            (proc_start_time(pid, &start) < 0 || proc_find_place(pid, &place) < 0))
                return err_set(e, ECONNREFUSED, "the supervisor of the sandbox has ended");
        if (pid == status->supervisor && start == status->supervisor_start && place.depth == 1)
                return 0;
        err_set(e, EPERM, "who answers for sandbox '%s' is not its supervisor", status->id);
        return err_hint(e, "ask in the pid namespace that it was started in; if this is the one, a "
                           "sandbox has forged what lies there: remove it");
}

int control_accept(int listener)
{
        autofd sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        struct ucred peer;

        if (sock < 0 || !is_own_peer(sock, &peer))
                return -1;
        return fd_take(&sock);
}

int control_take(int sock, struct control_request *ret)
{
        struct control_request r = CONTROL_REQUEST_NONE;
        struct err e = { 0 };
        ssize_t n = io_receive(sock, &r.msg, sizeof(r.msg), r.fds, CONTROL_MAX_FDS, &r.n_fds, &e);

        if (n < 0)
                return e.code == EAGAIN ? 0 : -1;
        if (n != (ssize_t)sizeof(r.msg)) {
                control_request_done(&r);
                return -1;
        }
        r.msg.err.text[sizeof(r.msg.err.text) - 1] = '\0';
        r.sock = ret->sock;
        *ret = r;
        return 1;
}

int control_send(int sock, enum control_type type, int value, const int *fds, size_t n_fds,
                 struct err *e)
{
        struct control_msg msg = { .type = type, .value = value };

        if (io_send(sock, &msg, sizeof(msg), fds, n_fds, e) < 0)
                return err_prefix(e, "cannot ask the supervisor of the sandbox");
        return 0;
}

bool control_answer(int sock, enum control_type type, int value)
{
        struct err unused = { 0 };

        return control_send(sock, type, value, NULL, 0, &unused) == 0;
}

bool control_refuse(int sock, const struct err *why)
{
        struct control_msg msg = { .type = CONTROL_FAILED, .value = -1, .err = *why };
        struct err unused = { 0 };

        return io_send(sock, &msg, sizeof(msg), NULL, 0, &unused) == 0;
}

int control_connect(int box_dir, const struct box_status *status, struct err *e)
{
        struct sockaddr_un address = name_socket(box_dir);
        struct ucred peer;
        autofd sock = make_socket(0, e);

        if (sock < 0)
                return -e->code;
        if (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return err_sys(e, "cannot reach the supervisor of the sandbox");
        if (!is_own_peer(sock, &peer))
                return err_set(e, EPERM, "the supervisor of the sandbox is another user's");
        if (judge_supervisor(peer.pid, status, e) < 0)
                return -e->code;
        return fd_take(&sock);
}

int control_await(int sock, int *ret_value, struct err *e)
{
        struct control_msg msg;
        ssize_t n = io_receive(sock, &msg, sizeof(msg), NULL, 0, NULL, e);

        if (n == 0 || (n < 0 && e->code == ECONNRESET)) {
                *e = (struct err){ 0 };
                return 0;
        }
        if (n < 0)
                return -e->code;
        if (n != (ssize_t)sizeof(msg))
                return err_set(e, EPROTO, "the supervisor of the sandbox sent %zd bytes", n);
        if (msg.type == CONTROL_FAILED) {
                *e = msg.err;
                e->text[sizeof(e->text) - 1] = '\0';
                if (e->code <= 0)
                        e->code = EPROTO;
                return -e->code;
        }
        if (msg.type != CONTROL_DONE && msg.type != CONTROL_EXITED)
                return err_set(e, EPROTO, "the supervisor of the sandbox sent message %u",
                               msg.type);
        if (ret_value)
                *ret_value = msg.value;
        return (int)msg.type;
}
