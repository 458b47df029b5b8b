#include "log.h"

#include "str.h"
#include "tty-reset.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_name = "kelp";
static int log_fd = STDERR_FILENO;
static bool was_shared;

void log_setup(const char *name)
{
        log_name = name;
}

void log_to(int fd)
{
        log_fd = fd;
}

void log_was_shared(void)
{
        was_shared = true;
}

static void reopen(void)
{
        was_shared = false;
        if (log_fd != STDERR_FILENO)
                return;
        /* without O_NONBLOCK a pipe that nobody reads any more would be waited for */
        int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        int ours = fd >= 0 ? dup2(fd, STDERR_FILENO) : -1;
        int flags = fcntl(STDERR_FILENO, F_GETFL);

        if (fd >= 0)
                close(fd);
        if (flags >= 0)
                fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK);
        /* a socket, or a file of somebody else's, cannot be opened anew */
        if (ours < 0)
                lseek(STDERR_FILENO, 0, SEEK_END);
        tty_reset(STDERR_FILENO);
}

/* One write a line, so that lines of several processes do not mix; a failure has no reader. */
static void put_line(const char *head, const char *text, size_t len)
{
        char line[PIPE_BUF];
        int n = snprintf(line, sizeof(line) - 1, "%s: ", head);
        int saved = errno;

        if (was_shared)
                reopen();
        if (n < 0 || (size_t)n >= sizeof(line) - 2)
                return;
        str_escape(line + n, sizeof(line) - (size_t)n - 1, text, len);
        size_t used = strlen(line);
        line[used++] = '\n';
        if (write(log_fd, line, used) < 0)
                errno = saved;
        errno = saved;
}

__attribute__((format(printf, 2, 0))) static void print_line(const char *head, const char *fmt,
                                                             va_list ap)
{
        char text[2048];
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

        va_start(ap, fmt);
        print_line(log_name, fmt, ap);
        va_end(ap);
}
