#include "resolv.h"

#include "str.h"

#include <string.h>

/* Where slirp4netns answers questions for names, from the host's own configuration. */
#define SLIRP_DNS "10.0.2.3"

static bool is_kept_line(const char *line, size_t len)
{
        static const char *const words[] = { "search", "domain", "options" };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                size_t n = strlen(words[i]);

                if (len > n && strncmp(line, words[i], n) == 0 &&
                    (line[n] == ' ' || line[n] == '\t'))
                        return true;
        }
        return false;
}

/* The host's lines that say how to ask, without those that say whom. */
static char *kept_lines(const char *host, struct arena *a, struct err *e)
{
        char *kept = arena_copy(a, "", e);

        while (kept && *host) {
                size_t len = strcspn(host, "\n");

                if (is_kept_line(host, len))
                        kept = arena_print(a, e, "%s%.*s\n", kept, (int)len, host);
                host += len + (host[len] == '\n');
        }
        return kept;
}

char *resolv_text(const struct plan *p, const char *host, struct arena *a, struct err *e)
{
        char *text;

        if (p->net.n_dns == 0 && p->net.mode == PLAN_NETWORK_HOST)
                return arena_copy(a, host, e);
        if (p->net.n_dns == 0 && p->net.mode == PLAN_NETWORK_NONE && !p->report.explains)
                return arena_copy(a, "# this sandbox has no network\n", e);
        text = kept_lines(host, a, e);
        /* nobody answers there, but whoever asks says for what: an unreachable one is told nothing */
        if (p->net.n_dns == 0 && p->net.mode == PLAN_NETWORK_NONE && text)
                return arena_print(a, e, "nameserver 127.0.0.1\n%s", text);
        /* whom --dns names is asked by the proxy, on the host */
        if (p->net.mode == PLAN_NETWORK_FILTERED && text)
                return arena_print(a, e, "nameserver " PLAN_GATEWAY "\n%s", text);
        if (p->net.n_dns == 0 && text)
                return arena_print(a, e, "nameserver " SLIRP_DNS "\n%s", text);
        for (size_t i = p->net.n_dns; text && i > 0; i--)
                text = arena_print(a, e, "nameserver %s\n%s", p->net.dns[i - 1], text);
        return text;
}

/* Resolvers take the first line that fits: what the user asked for goes before what the host has. */
char *hosts_text(const struct plan *p, const char *host, struct arena *a, struct err *e)
{
        size_t len = strlen(host);
        char *text = arena_copy(a, "", e);

        for (size_t i = 0; text && i < p->net.n_hosts; i++)
                text = arena_print(a, e, "%s%s %s\n", text, p->net.hosts[i].address,
                                   p->net.hosts[i].name);
        if (!text)
                return NULL;
        return arena_print(a, e, "%s%s%s127.0.1.1 %s\n", text, host,
                           len > 0 && host[len - 1] != '\n' ? "\n" : "", p->net.host_name);
}
