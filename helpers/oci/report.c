#include "report.h"

#include "log.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The one thing that is the process's own, like the log of src/base: where its lines go. */
static struct {
        int log; /* -1: standard error alone */
        bool is_json;
        bool is_debug;
} report = { .log = -1 };

int report_setup(const struct report_spec *spec, struct err *e)
{
        report.is_json = spec->is_json;
        report.is_debug = spec->is_debug;
        if (!spec->log)
                return 0;
        report.log = open(spec->log, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0644);
        if (report.log < 0)
                return err_sys(e, "cannot open the log file '%.300s'", spec->log);
        return 0;
}

/* A string of JSON, and of logfmt: what str_escape() leaves has no control characters. */
static size_t put_quoted(char *line, size_t size, const char *text)
{
        size_t n = 0;

        line[n++] = '"';
        for (; *text && n + 4 < size; text++) {
                if (*text == '"' || *text == '\\')
                        line[n++] = '\\';
                line[n++] = *text;
        }
        line[n++] = '"';
        line[n] = '\0';
        return n;
}

/* One write a line: engines read the file while others write to it. */
static void put_line(int fd, const char *level, const char *text)
{
        char safe[PIPE_BUF / 2 - 200];
        char line[PIPE_BUF];
        char quoted[sizeof(line) - 200];
        char when[32] = "";
        time_t now = time(NULL);
        struct tm parts;
        int saved = errno;

        if (gmtime_r(&now, &parts))
                strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
        str_escape(safe, sizeof(safe), text, strlen(text));
        put_quoted(quoted, sizeof(quoted), safe);
        int n = snprintf(line, sizeof(line),
                         report.is_json ? "{\"msg\":%3$s,\"level\":\"%2$s\",\"time\":\"%1$s\"}\n"
                                        : "time=\"%1$s\" level=%2$s msg=%3$s\n",
                         when, level, quoted);
        /* a log that cannot be written to has nobody left to be told */
        if (n > 0 && (size_t)n < sizeof(line) && write(fd, line, (size_t)n) < 0)
                errno = saved;
        errno = saved;
}

/* Where a line goes that standard error has in plain text. */
static int line_fd(void)
{
        return report.log < 0 && report.is_json ? STDERR_FILENO : report.log;
}

void report_err(const struct err *e)
{
        const char *hint = err_get_hint(e);
        char text[sizeof(e->text) + 16];

        snprintf(text, sizeof(text), "%.*s%s%s%s", err_message_len(e), e->text, hint ? " (" : "",
                 hint ? hint : "", hint ? ")" : "");
        if (line_fd() >= 0)
                put_line(line_fd(), "error", text);
        if (line_fd() != STDERR_FILENO)
                log_err(e);
}

__attribute__((format(printf, 2, 0))) static void say(const char *level, const char *fmt,
                                                      va_list args)
{
        char text[700];

        vsnprintf(text, sizeof(text), fmt, args);
        if (line_fd() >= 0)
                put_line(line_fd(), level, text);
        else
                log_notice("%s", text);
}

void report_warning(const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        say("warning", fmt, args);
        va_end(args);
}

void report_debug(const char *fmt, ...)
{
        va_list args;

        if (!report.is_debug)
                return;
        va_start(args, fmt);
        say("debug", fmt, args);
        va_end(args);
}

static void say_notice(void *user, const char *text)
{
        (void)user;
        report_warning("%s", text);
}

static void say_debug(void *user, const char *text)
{
        (void)user;
        report_debug("%s", text);
}

const struct notice report_notice = { .say = say_notice, .debug = say_debug };
