/* The process that reads the input: from the fork to the report. */

#include "import.h"

#include "fd.h"
#include "io.h"
#include "jail.h"
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
        const int *x = a;
        const int *y = b;

        return (*x > *y) - (*x < *y);
}

static int close_jail(const struct import_child *child, struct err *e)
{
        const struct session *session = child->session;
        const struct store *store = child->store;
        int fds[] = { child->input,    child->report, session->dir, session->blobs,
                      session->layers, store->blobs,  store->layers };
        int readable[3] = { store->blobs, store->layers };
        struct jail_spec spec = {
                .fds = fds,
                .n_fds = sizeof(fds) / sizeof(fds[0]),
                .writable = session->dir,
                .readable = readable,
                .n_readable = 2,
                .uid = child->uid,
                .gid = child->gid,
        };
        struct stat st;

        if (fstat(child->input, &st) == 0 && S_ISDIR(st.st_mode))
                readable[spec.n_readable++] = child->input;
        qsort(fds, spec.n_fds, sizeof(fds[0]), compare);
        return jail_close(&spec, child->has_namespaces, child->parent, e);
}

/* A pipe can be read only once and forwards: its content becomes a file of the session. */
static int spool_input(const struct import_child *child, int *ret_fd, struct err *e)
{
        autofree char *buffer = mem_alloc(256u << 10, e);
        autofd fd =
                openat(child->session->dir, "input", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        uint64_t size = 0;

        if (!buffer)
                return -e->code;
        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        for (;;) {
                ssize_t n = read(child->input, buffer, 256u << 10);

                if (n < 0 && errno == EINTR)
                        continue;
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

static int write_image(const struct import_child *child, const struct image *image, struct err *e)
{
        autofree char *text = NULL;
        autofd fd = openat(child->session->dir, IMPORT_IMAGE_FILE,
                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        if (image_write(image, true, &text, e) < 0)
                return -e->code;
        return io_write_all(fd, text, strlen(text), "the image's text", e);
}

static int unpack_input(const struct import_child *child, struct import_report *report,
                        struct err *e)
{
        autofree struct unpack_job *job = mem_alloc(sizeof(*job), e);
        autofd spooled = -1;
        struct stat st;

        if (!job)
                return -e->code;
        if (fstat(child->input, &st) < 0)
                return err_sys(e, "cannot stat the input");
        if (S_ISFIFO(st.st_mode) && spool_input(child, &spooled, e) < 0)
                return -e->code;
        job->input = spooled >= 0 ? spooled : child->input;
        job->session = child->session->dir;
        job->session_blobs = child->session->blobs;
        job->session_layers = child->session->layers;
        job->store_blobs = child->store->blobs;
        job->store_layers = child->store->layers;
        job->wanted = child->name;
        job->takes_blobs = child->takes_blobs;
        int r = unpack_run(job, e);
        if (r == 0)
                r = write_image(child, &job->image, e);
        report->devices = job->count.devices;
        report->n_ignored = job->n_ignored;
        memcpy(report->architecture, job->architecture, sizeof(report->architecture));
        unpack_done(job);
        return r;
}

void import_child_run(const struct import_child *child)
{
        struct import_report report = { .message = IMPORT_FAILED };
        struct err unused = { 0 };
        struct digest digest;

        /* libcrypto makes itself ready with its first digest: while it still can open files */
        if (digest_of("", 0, &digest, &report.err) == 0 && close_jail(child, &report.err) == 0 &&
            unpack_input(child, &report, &report.err) == 0)
                report.message = IMPORT_DONE;
        io_send(child->report, &report, sizeof(report), NULL, 0, &unused);
        _exit(report.message == IMPORT_DONE ? 0 : 1);
}
