#include "tty-reset.h"

#include "str.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A terminal that is full, and does not wait, is waited for no longer than this. */
#define PATIENCE_MS 1000

/* CAN and ST, the end of a synchronised update, DECSTR, SGR; then modes of the mouse and others. */
static const char reset[] = "\030\033\\\033[?2026l\033[!p\033[0m"
                            "\033[?9l\033[?1000l\033[?1001l\033[?1002l\033[?1003l\033[?1004l"
                            "\033[?1005l\033[?1006l\033[?1015l\033[?1016l\033[?2004l";

static bool has_sequences(int fd)
{
        const char *term = getenv("TERM");

        return term && !str_eq(term, "dumb") && isatty(fd);
}

void tty_reset(int fd)
{
        size_t at = 0;

        while (at < sizeof(reset) - 1 && has_sequences(fd)) {
                struct pollfd full = { .fd = fd, .events = POLLOUT };
                ssize_t n = write(fd, reset + at, sizeof(reset) - 1 - at);

                if (n >= 0)
                        at += (size_t)n;
                else if (errno != EINTR && (errno != EAGAIN || poll(&full, 1, PATIENCE_MS) < 1))
                        return;
        }
}

static bool is_same(int a, int b)
{
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_rdev == y.st_rdev;
}

void tty_reset_outputs(void)
{
        tty_reset(STDOUT_FILENO);
        if (!isatty(STDOUT_FILENO) || !is_same(STDOUT_FILENO, STDERR_FILENO))
                tty_reset(STDERR_FILENO);
}
