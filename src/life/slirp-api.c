#include "slirp-api.h"

#include "fd.h"
#include "io.h"
#include "port-holder.h"
#include "slirp-enter.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_ANSWER 4096

int slirp_api_request(const struct plan_port *port, char *buffer, size_t size, struct err *e)
{
        struct in_addr address;

        /* only an address that was parsed gets into the text, so nothing needs escaping */
        if (inet_pton(AF_INET, port->host_address, &address) != 1) {
                err_set(e, EAFNOSUPPORT, "cannot publish on '%s': it is not an IPv4 address",
                        port->host_address);
                return err_hint(e, "only IPv4 addresses of this host can be published on");
        }
        int n = snprintf(buffer, size,
                         "{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"tcp\","
                         "\"host_addr\":\"%s\",\"host_port\":%u,\"guest_port\":%u}}",
                         port->host_address, (unsigned)port->host_port, (unsigned)port->box_port);
        if (n < 0 || (size_t)n >= size)
                return err_set(e, ENOBUFS, "the request to publish a port is too long");
        return 0;
}

/* The value of "desc", up to its closing quote; the whole answer when there is none. */
static int judge_error(const char *answer, struct err *e)
{
        static const char key[] = "\"desc\":\"";
        const char *desc = strstr(answer, key);

        if (desc)
                desc += sizeof(key) - 1;
        else
                desc = answer;
        size_t len = strcspn(desc, "\"\n");
        return err_set(e, EIO, "slirp4netns answered '%.*s'", len < 200 ? (int)len : 200, desc);
}

int slirp_api_judge(const char *answer, struct err *e)
{
        if (answer[0] == '\0')
                return err_set(e, EPIPE, "slirp4netns gave no answer");
        if (str_has_prefix(answer, "{\"return\":") && !strstr(answer, "\"error\""))
                return 0;
        return judge_error(answer, e);
}

/* By a path through our own descriptor: the directory has no name on the host. */
static int connect_api(int api_dir, struct err *e)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        autofd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", api_dir,
                 SLIRP_API_NAME);
        if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
                return err_sys(e, "cannot reach the API socket of slirp4netns");
        return fd_take(&sock);
}

static int ask(int api_dir, const struct plan_port *port, struct err *e)
{
        autofree char *answer = NULL;
        char request[256];

        if (slirp_api_request(port, request, sizeof(request), e) < 0)
                return -e->code;
        autofd sock = connect_api(api_dir, e);
        if (sock < 0)
                return -e->code;
        if (io_write_all(sock, request, strlen(request), "API socket of slirp4netns", e) < 0)
                return -e->code;
        /* no shutdown: it takes one read for the whole request, and closes after its answer */
        if (io_read_all(sock, MAX_ANSWER, "API socket of slirp4netns", &answer, NULL, e) < 0)
                return -e->code;
        return slirp_api_judge(answer, e);
}

int slirp_api_publish(int api_dir, const struct plan_port *port, struct err *e)
{
        struct err reason = { 0 };

        if (ask(api_dir, port, e) == 0)
                return 0;
        /* its answer has no reason: try it ourselves */
        if (port_try(port, &reason) < 0)
                *e = reason;
        return err_prefix(e, "cannot publish %s:%u/tcp", port->host_address,
                          (unsigned)port->host_port);
}
