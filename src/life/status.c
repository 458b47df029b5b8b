#include "status.h"

#include "io.h"
#include "parse.h"
#include "str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct line {
        char text[4096];
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

/* The longest text of ours is that of a struct err: 504 bytes, four times as long when escaped. */
static void put_string(struct line *l, const char *name, const char *text, size_t len)
{
        char safe[2048];

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
