#include "scratch.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define NAME "scratch"

static int open_file(struct scratch *s, struct err *e)
{
        autofd fd = openat(s->dir, NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0 || unlinkat(s->dir, NAME, 0) < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        s->file = fd_take(&fd);
        return 0;
}

int scratch_add(struct scratch *s, const void *data, size_t len, struct err *e)
{
        if (s->file < 0 && open_file(s, e) < 0)
                return -e->code;
        if (io_write_at(s->file, data, len, s->end) < 0)
                return err_sys(e, "cannot write a temporary file in the image store");
        s->end += len;
        return 0;
}

int scratch_read(const struct scratch *s, uint64_t at, void *data, size_t len, struct err *e)
{
        ssize_t n = io_read_at(s->file, data, len, at);

        if (n < 0)
                return err_sys(e, "cannot read a temporary file in the image store");
        if ((size_t)n < len)
                return err_set(e, EIO, "a temporary file in the image store is cut off");
        return 0;
}

void scratch_done(struct scratch *s)
{
        fd_close(&s->file);
}
