#include "capture.h"

#include "fd.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct capture *capture_new(struct err *e)
{
        struct capture *c = mem_alloc(sizeof(*c), e);

        if (!c)
                return NULL;
        for (int i = 0; i < BOX_STREAM_COUNT; i++)
                c->sources[i] = -1;
        c->input = -1;
        c->said = -1;
        c->log.fd = -1;
        return c;
}

void capture_free(struct capture **c)
{
        if (!*c)
                return;
        for (int i = 0; i < BOX_STREAM_COUNT; i++)
                fd_close(&(*c)->sources[i]);
        fd_close(&(*c)->input);
        if ((*c)->said >= 0)
                log_to(STDERR_FILENO);
        fd_close(&(*c)->said);
        box_log_done(&(*c)->log);
        mem_free_at(c);
        *c = NULL;
}

/* The supervisor must not block at its own end, the payload may at its one. */
static int set_nonblocking(int fd, struct err *e)
{
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return err_sys(e, "cannot set up a pipe");
        return 0;
}

static int place(int fd, int target, struct err *e)
{
        if (dup2(fd, target) < 0)
                return err_sys(e, "cannot set standard stream %d", target);
        return 0;
}

static int place_output(struct capture *c, enum box_stream stream, int target, struct err *e)
{
        autofd writer = -1;

        if (fd_pipe(&c->sources[stream], &writer, e) < 0 ||
            set_nonblocking(c->sources[stream], e) < 0)
                return -e->code;
        return place(writer, target, e);
}

static int place_input(struct capture *c, bool has_input, struct err *e)
{
        autofd reader = -1;

        if (has_input) {
                if (fd_pipe(&reader, &c->input, e) < 0 || set_nonblocking(c->input, e) < 0)
                        return -e->code;
        } else {
                reader = open("/dev/null", O_RDONLY | O_CLOEXEC);
                if (reader < 0)
                        return err_sys(e, "cannot open '/dev/null'");
        }
        return place(reader, STDIN_FILENO, e);
}

int capture_place(struct capture *c, bool has_input, struct err *e)
{
        c->said = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        if (c->said < 0)
                return err_sys(e, "cannot keep the standard error");
        log_to(c->said);
        if (place_input(c, has_input, e) < 0 || place_output(c, BOX_STDOUT, STDOUT_FILENO, e) < 0)
                return -e->code;
        return place_output(c, BOX_STDERR, STDERR_FILENO, e);
}

int capture_leave(struct capture *c, struct err *e)
{
        autofd writer = -1;

        if (fd_pipe(&c->sources[BOX_KELP], &writer, e) < 0 ||
            set_nonblocking(c->sources[BOX_KELP], e) < 0 || set_nonblocking(writer, e) < 0)
                return -e->code;
        fd_close(&c->said);
        c->said = fd_take(&writer);
        log_to(c->said);
        return 0;
}

int capture_keep_said(struct capture *c, struct err *e)
{
        char path[64];
        autofd file = memfd_create("kelp-said", MFD_CLOEXEC);

        if (file < 0)
                return err_sys(e, "cannot keep what is to be said");
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        /* with an offset of its own */
        int reader = open(path, O_RDONLY | O_CLOEXEC);
        if (reader < 0)
                return err_sys(e, "cannot keep what is to be said");
        fd_close(&c->sources[BOX_KELP]);
        c->sources[BOX_KELP] = reader;
        fd_close(&c->said);
        c->said = fd_take(&file);
        log_to(c->said);
        return 0;
}
