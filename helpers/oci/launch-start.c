#include "fd.h"
#include "io.h"
#include "launch.h"
#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * First has the socket that listens, and nobody else: as long as somebody answers there it waits for
 * `start`, and what it executes closes it.
 */
static int connect_first(const struct container *c, int *ret)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        autofd sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/start", c->dir);
        if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        *ret = fd_take(&sock);
        return 0;
}

bool launch_is_waiting(const struct container *c)
{
        autofd sock = -1;

        return connect_first(c, &sock) == 0;
}

static int refuse(const struct container *c, struct err *e)
{
        enum container_status status;

        if (container_get_status(c, &status, e) < 0)
                return -e->code;
        return err_set(e, EINVAL, "cannot start a container that is %s",
                       container_status_name(status));
}

/* The end of the stream behind EXECUTING is what exec has closed. */
static int await_exec(int sock, const struct notice *notice, int *ret_notify, struct err *e)
{
        static const char peer[] = "the first process of the container";
        struct talk_msg msg = { 0 };
        autofd notify = -1;
        autofd none = -1;

        /* nothing that comes before the end is of use before it */
        struct pollfd end = { .fd = sock };
        while (poll(&end, 1, -1) < 0) {
                if (errno != EINTR)
                        return err_sys(e, "cannot wait for the command");
        }
        int r = talk_receive(sock, notice, &msg, &notify, e);
        if (r > 0 && msg.type == TALK_NOTIFY)
                r = talk_receive(sock, notice, &msg, &none, e);
        if (r < 0)
                return -e->code;
        if (r == 0)
                return err_set(e, EPIPE, "%s ended before it was done", peer);
        if (msg.type == TALK_EXECUTING)
                r = talk_receive(sock, notice, &msg, &none, e);
        if (r == 0)
                *ret_notify = fd_take(&notify);
        if (r <= 0)
                return r;
        if (msg.type != TALK_FAILED)
                return err_set(e, EPROTO, "%s sent message %u", peer, msg.type);
        *e = msg.err;
        return -e->code;
}

static int start_on(int sock, const struct notice *notice, int *ret_notify, struct err *e)
{
        return talk_send(sock, TALK_START, 0, -1, e) < 0 ? -e->code
                                                         : await_exec(sock, notice, ret_notify, e);
}

int launch_start(struct container *c, int sock, const struct notice *notice, int *ret_notify,
                 struct err *e)
{
        autofd own = -1;

        if (sock >= 0)
                return start_on(sock, notice, ret_notify, e);
        int r = connect_first(c, &own);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return refuse(c, e);
        if (r < 0)
                return err_set(e, -r, "cannot connect to the socket 'start' of the container: %s",
                               err_name(-r));
        if (start_on(own, notice, ret_notify, e) < 0)
                return -e->code;
        /* nobody will listen there again; what is left goes with the container */
        unlinkat(c->dir, "start", 0);
        return 0;
}
