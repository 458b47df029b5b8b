#include "status.h"

#include "fd.h"
#include "io.h"
#include "parse.h"
#include "str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct line {
        char text[24576];
        size_t len;
};

static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *l, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        int n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, fmt, ap);
        va_end(ap);
        if (n > 0)
                l->len += (size_t)n;
        if (l->len >= sizeof(l->text))
                l->len = sizeof(l->text) - 1;
}

/* The longest text of ours is an option with a path: four times as long when escaped. */
static void put_string(struct line *l, const char *name, const char *text, size_t len)
{
        char safe[4 * (OBSERVE_MAX_NAME + 64)];

        str_escape(safe, sizeof(safe), text, len);
        put(l, "\"%s\":\"", name);
        for (const char *at = safe; *at; at++)
                put(l, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
        put(l, "\"");
}

static int finish(int fd, struct line *l, struct err *e)
{
        struct err why = { 0 };

        put(l, "}\n");
        if (io_write_all(fd, l->text, l->len, "status", &why) == 0)
                return 0;
        return err_set(e, why.code, "cannot write to the status descriptor %d: %s", fd,
                       err_name(why.code));
}

int status_setup_failed(int fd, const struct err *why, const char *step, struct err *e)
{
        struct line l = { .len = 0 };
        const char *hint = err_get_hint(why);

        if (fd < 0)
                return 0;
        put(&l, "{\"event\":\"setup-failed\",");
        put_string(&l, "step", step, strlen(step));
        put(&l, ",\"errno\":%d,", why->code);
        put_string(&l, "error", why->text, (size_t)err_message_len(why));
        if (hint) {
                put(&l, ",");
                put_string(&l, "hint", hint, strlen(hint));
        }
        return finish(fd, &l, e);
}

static int tell_rule(int fd, const struct net_rule *rule, struct err *e)
{
        struct line l = { .len = 0 };

        put(&l, "{\"event\":\"rule\",\"verdict\":\"%s\",", rule->is_deny ? "deny" : "allow");
        put_string(&l, "rule", rule->text, strlen(rule->text));
        put(&l, ",");
        /* a file's name may be of any length */
        put_string(&l, "origin", rule->origin, strnlen(rule->origin, 400));
        return finish(fd, &l, e);
}

int status_network(int fd, const struct plan_net *net, struct err *e)
{
        struct line l = { .len = 0 };

        if (fd < 0 || net->mode != PLAN_NETWORK_FILTERED)
                return 0;
        put(&l, "{\"event\":\"network\",\"mode\":\"filtered\",\"rules\":%zu,\"host-ports\":%zu",
            net->n_rules, net->n_host_ports);
        if (finish(fd, &l, e) < 0)
                return -e->code;
        for (size_t i = 0; i < net->n_rules; i++) {
                if (tell_rule(fd, &net->rules[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

int status_started(int fd, int pid, const char *name, struct err *e)
{
        struct line l = { .len = 0 };

        if (fd < 0)
                return 0;
        put(&l, "{\"event\":\"started\",\"pid\":%d", pid);
        if (name) {
                put(&l, ",");
                put_string(&l, "name", name, strlen(name));
        }
        return finish(fd, &l, e);
}

static const char *object_name(const struct observe_event *what)
{
        switch (what->kind) {
        case OBSERVE_HOST:
                return "host";
        case OBSERVE_SYSCALL:
                return "call";
        case OBSERVE_SOCKET:
                return what->name[0] == '/' ? "path" : "family";
        case OBSERVE_OPEN:
        case OBSERVE_CREATE:
        case OBSERVE_RENAME:
        case OBSERVE_REMOVE:
        case OBSERVE_CHANGE:
        case OBSERVE_EXECUTE:
                break;
        }
        return "path";
}

static void put_text(struct line *l, const char *name, const char *text)
{
        if (!text[0])
                return;
        put(l, ",");
        put_string(l, name, text, strlen(text));
}

int status_refused(int fd, const struct observe_event *what, const char *option, const char *policy,
                   struct err *e)
{
        struct line l = { .len = 0 };
        bool is_path = str_eq(object_name(what), "path");

        if (fd < 0)
                return 0;
        put(&l, "{\"event\":\"refused\",\"kind\":\"%s\"", observe_kind_name(what->kind));
        put_text(&l, object_name(what), what->name);
        if (what->kind == OBSERVE_HOST)
                put(&l, ",\"port\":%u%s", what->port,
                    what->is_datagram ? ",\"datagram\":true" : "");
        put_text(&l, "arguments", what->detail);
        if (is_path)
                put(&l, ",\"access\":\"%c\",\"hidden\":%s", what->access,
                    what->is_hidden ? "true" : "false");
        put(&l, ",\"count\":%u", what->count);
        put_text(&l, "comm", what->comm);
        put_text(&l, "option", option);
        put_text(&l, "policy", policy);
        return finish(fd, &l, e);
}

int status_ready(int fd, struct err *e)
{
        static const char line[] = "ready\n";
        autofd taken = fd;
        struct err why = { 0 };

        if (fd < 0 || io_write_all(fd, line, strlen(line), "ready", &why) == 0)
                return 0;
        return err_set(e, why.code, "cannot write to the descriptor %d of --ready-fd: %s", taken,
                       err_name(why.code));
}

int status_exited(int fd, int code, int signal, const char *reason, struct err *e)
{
        struct line l = { .len = 0 };
        const char *signal_name = signal > 0 ? parse_signal_name(signal) : NULL;

        if (fd < 0)
                return 0;
        put(&l, "{\"event\":\"exited\",\"code\":%d,\"signal\":", code);
        if (signal_name)
                put(&l, "\"%s\"", signal_name);
        else if (signal > 0)
                put(&l, "\"%d\"", signal);
        else
                put(&l, "null");
        put(&l, ",\"reason\":\"%s\"", reason);
        return finish(fd, &l, e);
}
