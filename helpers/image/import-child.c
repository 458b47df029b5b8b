/* What the process in the jail does with the input. */

#include "import.h"

#include "fd.h"
#include "io.h"
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe can be read only once and forwards: its content becomes a file of the session. */
static int spool_input(const struct worker *w, int *ret_fd, struct err *e)
{
        autofree char *buffer = mem_alloc(256u << 10, e);
        autofd fd = openat(w->session->dir, "input", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        uint64_t size = 0;

        if (!buffer)
                return -e->code;
        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        for (;;) {
                ssize_t n = io_read(w->input, buffer, 256u << 10);

                if (n < 0)
                        return err_sys(e, "cannot read the input");
                if (n == 0)
                        break;
                size += (uint64_t)n;
                if (size > LIMIT_BYTES)
                        return err_set(e, EFBIG, "the input is larger than %llu GiB",
                                       LIMIT_BYTES >> 30);
                if (io_write_all(fd, buffer, (size_t)n, "a temporary file in the image store", e) <
                    0)
                        return -e->code;
        }
        *ret_fd = fd_take(&fd);
        return 0;
}

static int write_image(const struct worker *w, const struct image *image, struct err *e)
{
        autofree char *text = NULL;
        autofd fd = openat(w->session->dir, IMPORT_IMAGE_FILE,
                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        if (image_write(image, true, &text, e) < 0)
                return -e->code;
        return io_write_all(fd, text, strlen(text), "the image's text", e);
}

int import_work(const struct worker *w, struct worker_report *ret, struct err *e)
{
        const struct import_request *request = w->job;
        autofree struct unpack_job *job = mem_alloc(sizeof(*job), e);
        autofd spooled = -1;
        struct stat st;

        if (!job)
                return -e->code;
        if (fstat(w->input, &st) < 0)
                return err_sys(e, "cannot stat the input");
        if (S_ISFIFO(st.st_mode) && spool_input(w, &spooled, e) < 0)
                return -e->code;
        job->input = spooled >= 0 ? spooled : w->input;
        job->session = w->session->dir;
        job->session_blobs = w->session->blobs;
        job->session_layers = w->session->layers;
        job->session_records = w->session->records;
        job->store_blobs = w->store->blobs;
        job->store_layers = w->store->layers[STORE_SINGLE];
        job->store_images = w->store->images;
        job->wanted = request->name;
        job->takes_blobs = !request->file;
        int r = unpack_run(job, e);
        if (r == 0)
                r = write_image(w, &job->image, e);
        ret->devices = job->count.devices;
        ret->n_ignored = job->n_ignored;
        memcpy(ret->tag, job->tag, sizeof(ret->tag));
        memcpy(ret->architecture, job->architecture, sizeof(ret->architecture));
        unpack_done(job);
        return r;
}
