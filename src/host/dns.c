#include "dns.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "probes.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Whether names resolve, end to end: the servers of resolv.conf(5) are each asked, at once, for
 * the name servers of the root (RFC 1035).  That question needs no name that would say who asks,
 * and every resolver has the answer at hand; any answer at all counts.
 */

#define TIMEOUT_MS 1000
#define DNS_PORT   53

/* A query for ". NS IN"; the first two bytes are its number. */
static const unsigned char question[] = {
        0, 0, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, /* recursion desired, one question */
        0,                                        /* the root */
        0, 2, 0,    1,                            /* NS IN */
};

static bool parse_server(const char *text, struct host_dns_server *ret)
{
        char address[INET6_ADDRSTRLEN + 1];
        struct sockaddr_in *in = (struct sockaddr_in *)&ret->address;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ret->address;
        size_t len = strcspn(text, "%");

        if (len >= sizeof(address))
                return false;
        memcpy(address, text, len);
        address[len] = '\0';
        *ret = (struct host_dns_server){ 0 };
        snprintf(ret->text, sizeof(ret->text), "%s", text);
        if (text[len] == '\0' && inet_pton(AF_INET, address, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = htons(DNS_PORT);
                ret->len = sizeof(*in);
                return true;
        }
        if (inet_pton(AF_INET6, address, &in6->sin6_addr) != 1)
                return false;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(DNS_PORT);
        in6->sin6_scope_id = text[len] == '%' ? if_nametoindex(text + len + 1) : 0;
        ret->len = sizeof(*in6);
        return true;
}

size_t host_dns_parse(char *text, struct host_dns_server *ret, size_t max)
{
        char *at = text;
        size_t n = 0;

        for (char *line; n < max && (line = str_next_field(&at, '\n'));) {
                if (!str_has_prefix(line, "nameserver"))
                        continue;
                char *value = line + strlen("nameserver");
                if (*value != ' ' && *value != '\t')
                        continue;
                value = str_trim(value);
                value[strcspn(value, " \t#;")] = '\0';
                if (parse_server(value, &ret[n]))
                        n++;
        }
        return n;
}

static int ask(const struct host_dns_server *server, const unsigned char *id)
{
        unsigned char query[sizeof(question)];
        autofd fd = socket(server->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        memcpy(query, question, sizeof(query));
        memcpy(query, id, 2);
        /* connected, so that only this server's answers arrive, and its refusals as errors */
        if (connect(fd, (const struct sockaddr *)&server->address, server->len) < 0 ||
            send(fd, query, sizeof(query), MSG_NOSIGNAL) < 0)
                return -errno;
        return fd_take(&fd);
}

/* 1: an answer to our question; 0: something else; negative: the server refused. */
static int take_answer(int fd, const unsigned char *id)
{
        unsigned char answer[512];
        ssize_t n = recv(fd, answer, sizeof(answer), 0);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        return n >= 12 && memcmp(answer, id, 2) == 0 && (answer[2] & 0x80);
}

struct asked {
        struct pollfd fds[HOST_DNS_MAX];
        int failures[HOST_DNS_MAX]; /* positive errno, 0: still silent */
        size_t n;
        unsigned char id[2];
};

/* The index of the first server that answers, or -1 when the time is over or all have failed. */
static int await(struct asked *asked, unsigned *ret_ms)
{
        uint64_t start = io_now();

        for (;;) {
                unsigned spent = (unsigned)((io_now() - start) / 1000000);
                size_t left = 0;

                for (size_t i = 0; i < asked->n; i++)
                        left += asked->fds[i].fd >= 0;
                if (left == 0 || spent >= TIMEOUT_MS)
                        return -1;
                int n = poll(asked->fds, asked->n, (int)(TIMEOUT_MS - spent));
                if (n < 0 && errno != EINTR)
                        return -1;
                for (size_t i = 0; n > 0 && i < asked->n; i++) {
                        if (asked->fds[i].fd < 0 || asked->fds[i].revents == 0)
                                continue;
                        int r = take_answer(asked->fds[i].fd, asked->id);
                        if (r > 0) {
                                *ret_ms = (unsigned)((io_now() - start) / 1000000);
                                return (int)i;
                        }
                        if (r < 0) {
                                asked->failures[i] = -r;
                                fd_close(&asked->fds[i].fd);
                        }
                }
        }
}

int host_dns_ask(const struct host_dns_server *servers, size_t n, unsigned *ret_ms,
                 int *ret_failure)
{
        struct asked asked = { .n = n < HOST_DNS_MAX ? n : HOST_DNS_MAX };

        if (getrandom(asked.id, sizeof(asked.id), GRND_NONBLOCK) != sizeof(asked.id))
                return -1;
        for (size_t i = 0; i < asked.n; i++) {
                int fd = ask(&servers[i], asked.id);

                asked.fds[i] = (struct pollfd){ .fd = fd < 0 ? -1 : fd, .events = POLLIN };
                asked.failures[i] = fd < 0 ? -fd : 0;
        }
        int first = await(&asked, ret_ms);
        *ret_failure = asked.n > 0 ? asked.failures[0] : 0;
        for (size_t i = 0; i < asked.n; i++)
                fd_close(&asked.fds[i].fd);
        return first;
}

static void explain_file(const struct host_view *v, struct host_fact *ret)
{
        char link[256];
        ssize_t n = readlinkat(v->root_fd, "etc/resolv.conf", link, sizeof(link) - 1);

        host_fact_set(ret, HOST_WEAKER, "names cannot be resolved");
        if (n > 0) {
                link[n] = '\0';
                host_cause_why(&ret->cause,
                               "/etc/resolv.conf is a link to '%s', which cannot be "
                               "read",
                               link);
                if (strstr(link, "systemd"))
                        host_cause_fix(&ret->cause, "%ssystemctl enable --now systemd-resolved",
                                       host_sudo(v));
        } else {
                host_cause_why(&ret->cause, "/etc/resolv.conf cannot be read");
        }
        host_cause_fix(&ret->cause, "or name a server for the sandbox: --dns ADDRESS");
}

static void explain_silence(const struct host_dns_server *servers, size_t n, int failure,
                            struct host_fact *ret)
{
        host_fact_set(ret, HOST_WEAKER, "names cannot be resolved at the moment");
        host_cause_why(&ret->cause, "%s%s %s: %s", servers[0].text, n > 1 ? " and the others" : "",
                       n > 1 ? "do not answer" : "does not answer",
                       failure ? err_name(failure) : "nothing came within a second");
        host_cause_fix(&ret->cause, "check that this machine is online, or name a server for the "
                                    "sandbox: --dns ADDRESS");
}

void host_probe_dns(const struct host_view *v, struct host_fact *ret)
{
        autofree char *text = host_read_text(v, "etc/resolv.conf", 65536);
        struct host_dns_server servers[HOST_DNS_MAX];
        int failure = 0;
        unsigned ms = 0;

        if (!text) {
                explain_file(v, ret);
                return;
        }
        size_t n = host_dns_parse(text, servers, HOST_DNS_MAX);
        if (n == 0) {
                host_fact_set(ret, HOST_WEAKER, "names cannot be resolved");
                host_cause_why(&ret->cause, "/etc/resolv.conf names no server");
                host_cause_fix(&ret->cause, "name a server for the sandbox: --dns ADDRESS");
                return;
        }
        int first = host_dns_ask(servers, n, &ms, &failure);
        if (first < 0)
                explain_silence(servers, n, failure, ret);
        else
                host_fact_set(ret, HOST_OK, "%s answers in %u ms", servers[first].text, ms);
}
