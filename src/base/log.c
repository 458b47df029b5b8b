#include "log.h"

#include "str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_name = "kelp";
static enum log_level log_most = LOG_LEVEL_NOTICE;

void log_setup(const char *name, enum log_level most)
{
        log_name = name;
        log_most = most;
}

/* One write a line, so that lines of several processes do not mix; a failure has no reader. */
static void put_line(const char *head, const char *text, size_t len)
{
        char line[2048];
        int n = snprintf(line, sizeof(line) - 1, "%s: ", head);
        int saved = errno;

        if (n < 0 || (size_t)n >= sizeof(line) - 2)
                return;
        str_escape(line + n, sizeof(line) - (size_t)n - 1, text, len);
        size_t used = strlen(line);
        line[used++] = '\n';
        if (write(STDERR_FILENO, line, used) < 0)
                errno = saved;
        errno = saved;
}

__attribute__((format(printf, 2, 0))) static void print_line(const char *head, const char *fmt,
                                                             va_list ap)
{
        char text[1024];
        int n = vsnprintf(text, sizeof(text), fmt, ap);

        if (n >= 0)
                put_line(head, text, strlen(text));
}

void log_err(const struct err *e)
{
        const char *hint = err_get_hint(e);

        put_line(log_name, e->text, (size_t)err_message_len(e));
        if (hint)
                put_line("hint", hint, strlen(hint));
}

void log_error(const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_line(log_name, fmt, ap);
        va_end(ap);
}

void log_hint(const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_line("hint", fmt, ap);
        va_end(ap);
}

void log_notice(const char *fmt, ...)
{
        va_list ap;

        if (log_most < LOG_LEVEL_NOTICE)
                return;
        va_start(ap, fmt);
        print_line(log_name, fmt, ap);
        va_end(ap);
}

void log_info(const char *fmt, ...)
{
        va_list ap;

        if (log_most < LOG_LEVEL_INFO)
                return;
        va_start(ap, fmt);
        print_line(log_name, fmt, ap);
        va_end(ap);
}

void log_debug(const char *fmt, ...)
{
        va_list ap;

        if (log_most < LOG_LEVEL_DEBUG)
                return;
        va_start(ap, fmt);
        print_line(log_name, fmt, ap);
        va_end(ap);
}
