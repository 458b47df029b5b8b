#include "notify.h"

#include "create.h"
#include "fd.h"
#include "launch.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <linux/mount.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define VARIABLE "NOTIFY_SOCKET"
#define READY    "READY=1"

/* What fits into one datagram of it is a few lines. */
#define MESSAGE_MAX 4096

static int make_socket(int dir, int *ret, struct err *e)
{
        struct sockaddr_un address;
        autofd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        if (launch_fill_address(&address, dir, "notify", e) < 0)
                return -e->code;
        if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return err_sys(e, "cannot bind the socket 'notify' of the container");
        /* whatever id it has: the directory on the way to it is ours alone */
        if (fchmodat(dir, "notify", 0777, 0) < 0)
                return err_sys(e, "cannot open the socket 'notify' to the container");
        *ret = fd_take(&sock);
        return 0;
}

/* By its path, as all mounts of a config are. */
static int add_mount(struct bundle *b, int dir, const char *box_path, struct err *e)
{
        struct arena *a = &b->plan.arena;
        char link[40];
        char path[PATH_MAX];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return err_sys(e, "cannot find the directory of the container");
        path[n] = '\0';
        struct bundle_mount *mounts = arena_alloc(a, (b->n_mounts + 1) * sizeof(*mounts), e);
        const char *source = arena_print(a, e, "%s/notify", path);
        if (!mounts || !source)
                return -e->code;
        for (size_t i = 0; i < b->n_mounts; i++)
                mounts[i] = b->mounts[i];
        mounts[b->n_mounts++] = (struct bundle_mount){
                .where = VARIABLE,
                .box_path = box_path,
                .source = source,
                .type = "bind",
                .data = "",
                .is_bind = true,
                .set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
        };
        b->mounts = mounts;
        return 0;
}

int notify_prepare(struct bundle *b, const struct container *c, int *ret_sock, struct err *e)
{
        const char *host_path = getenv(VARIABLE);

        if (!host_path || !b->ns[BUNDLE_NS_MOUNT].is_asked)
                return 0;
        if (host_path[0] != '/' && host_path[0] != '@')
                return err_set(e, EINVAL,
                               VARIABLE " of the environment is not the path of a socket");
        const char *dir = host_path[0] == '/' ? host_path : "/run/notify";
        const char *box_path = path_clean(&b->plan.arena, dir, "notify", e);
        if (!box_path || make_socket(c->dir, ret_sock, e) < 0 ||
            add_mount(b, c->dir, box_path, e) < 0)
                return -e->code;
        return create_add_variable(&b->plan, VARIABLE, box_path, e);
}

static int pass_on(struct err *e)
{
        const char *host_path = getenv(VARIABLE);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        autofd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        size_t len = host_path ? strlen(host_path) : 0;

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        /* `start` has another environment than `create` had */
        if (len == 0)
                return 0;
        if (len >= sizeof(address.sun_path))
                return err_set(e, ENAMETOOLONG, VARIABLE " of the environment is too long");
        memcpy(address.sun_path, host_path, len);
        if (host_path[0] == '@')
                address.sun_path[0] = '\0';
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        if (sendto(sock, READY, strlen(READY), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
                return err_sys(e, "cannot say '" READY "' to '%.100s'", host_path);
        return 0;
}

/* One line of it may be the word. */
static bool is_ready(char *text)
{
        for (char *at = text, *line; (line = str_next_field(&at, '\n'));) {
                if (str_eq(line, READY))
                        return true;
        }
        return false;
}

int notify_wait(int sock, const struct container *c, struct err *e)
{
        autofd first = -1;
        char text[MESSAGE_MAX];

        if (container_open_first(c, &first, e) < 0)
                return -e->code;
        while (first >= 0) {
                struct pollfd fds[] = { { .fd = sock, .events = POLLIN },
                                        { .fd = first, .events = POLLIN } };

                if (poll(fds, 2, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return err_sys(e, "cannot poll");
                }
                ssize_t n = recv(sock, text, sizeof(text) - 1, MSG_DONTWAIT);
                text[n > 0 ? n : 0] = '\0';
                if (n > 0 && is_ready(text))
                        return pass_on(e);
                if (n < 0 && fds[1].revents)
                        break;
        }
        return 0;
}
