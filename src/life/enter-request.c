#include "enter-request.h"

#include "fd.h"
#include "io.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "kelp-exec 1"
/* Version, terminal, user, directory, the number of arguments. */
#define N_HEAD 5

static int put(int fd, const char *text, size_t *left, struct err *e)
{
        size_t size = strlen(text) + 1;

        if (size > *left)
                return err_set(e, E2BIG, "the command and its environment are too long");
        *left -= size;
        return io_write_all(fd, text, size, "request", e);
}

int enter_request_write(const struct enter_request *r, struct err *e)
{
        autofd fd = memfd_create("kelp-exec", MFD_CLOEXEC);
        size_t left = ENTER_REQUEST_MAX;
        char number[24];

        if (fd < 0)
                return err_sys(e, "cannot make a file in memory");
        snprintf(number, sizeof(number), "%zu", r->n_args);
        const char *const head[N_HEAD] = {
                VERSION,
                r->wants_tty ? "tty" : "",
                r->user ? r->user : "",
                r->workdir ? r->workdir : "",
                number,
        };
        for (size_t i = 0; i < N_HEAD; i++) {
                if (put(fd, head[i], &left, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < r->n_args + r->n_env; i++) {
                const char *text = i < r->n_args ? r->argv[i] : r->env[i - r->n_args];

                if (put(fd, text, &left, e) < 0)
                        return -e->code;
        }
        return fd_take(&fd);
}

static int not_understood(struct err *e)
{
        return err_set(e, EBADMSG, "the request is not understood");
}

/* The texts in `data` as a list with a NULL after the arguments, and one after the environment. */
static int split(struct arena *a, char *data, size_t len, struct enter_request *ret, struct err *e)
{
        const char *head[N_HEAD];
        uint64_t n_args;
        size_t n = 0;
        size_t at = 0;

        for (size_t i = 0; i < len; i++)
                n += data[i] == '\0';
        if (len == 0 || data[len - 1] != '\0' || n < N_HEAD)
                return not_understood(e);
        for (size_t i = 0; i < N_HEAD; i++) {
                head[i] = data + at;
                at += strlen(data + at) + 1;
        }
        n -= N_HEAD;
        if (!str_eq(head[0], VERSION)) {
                err_set(e, EBADMSG, "the sandbox was started by another version of kelp");
                return err_hint(e, "start it again to enter it with this one");
        }
        if (parse_number(head[4], 1, n, &n_args, e) < 0)
                return not_understood(e);
        const char **list = arena_alloc(a, (n + 2) * sizeof(*list), e);
        if (!list)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                list[i + (i >= n_args)] = data + at;
                at += strlen(data + at) + 1;
        }
        *ret = (struct enter_request){
                .wants_tty = str_eq(head[1], "tty"),
                .user = *head[2] ? head[2] : NULL,
                .workdir = *head[3] ? head[3] : NULL,
                .argv = list,
                .n_args = n_args,
                .env = list + n_args + 1,
                .n_env = n - n_args,
        };
        return 0;
}

int enter_request_read(int memfd, struct arena *a, struct enter_request *ret, struct err *e)
{
        struct stat st;

        if (fstat(memfd, &st) < 0)
                return err_sys(e, "cannot stat the request");
        if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > ENTER_REQUEST_MAX)
                return not_understood(e);
        size_t size = (size_t)st.st_size;
        char *data = arena_alloc(a, size, e);
        if (!data)
                return -e->code;
        ssize_t n = io_read_at(memfd, data, size, 0);
        if (n < 0)
                return err_sys(e, "cannot read the request");
        return split(a, data, (size_t)n, ret, e);
}
