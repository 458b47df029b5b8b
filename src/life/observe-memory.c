#include "observe-memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The smallest page is a multiple of it: what lies in one can be read as a whole or not at all. */
#define PIECE ((size_t)256)

/* As many as can be read, at most `len`; the number, or a negative errno. */
static ssize_t read_some(pid_t pid, uint64_t at, void *data, size_t len)
{
        struct iovec local = { .iov_base = data, .iov_len = len };
        struct iovec remote = { .iov_base = (void *)(uintptr_t)at, .iov_len = len };
        ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

        return n < 0 ? -errno : n;
}

int observe_read(pid_t pid, uint64_t at, void *data, size_t len)
{
        ssize_t n = read_some(pid, at, data, len);

        if (n < 0)
                return (int)n;
        return (size_t)n == len ? 0 : -EFAULT;
}

ssize_t observe_read_string(pid_t pid, uint64_t at, char *text, size_t size)
{
        size_t len = 0;

        while (len < size) {
                size_t want = PIECE - (size_t)((at + len) % PIECE);
                const char *end;

                if (want > size - len)
                        want = size - len;
                ssize_t n = read_some(pid, at + len, text + len, want);
                if (n <= 0)
                        return n < 0 ? n : -EFAULT;
                end = memchr(text + len, '\0', (size_t)n);
                if (end)
                        return end - text;
                len += (size_t)n;
        }
        return -ENAMETOOLONG;
}

ssize_t observe_read_link(pid_t pid, const char *name, char *text, size_t size)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
        ssize_t n = readlink(path, text, size - 1);
        if (n < 0)
                return -errno;
        if ((size_t)n == size - 1)
                return -ENAMETOOLONG;
        text[n] = '\0';
        return n;
}
