#include "detach.h"

#include "fd.h"
#include "io.h"
#include "log.h"
#include "proc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What the one who waits is told, once. */
struct report {
        char id[BOX_ID_SIZE]; /* "": it was not started */
        struct run_result result;
        struct err err;
};

#define MAX_KEPT (PLAN_MAX_FDS + 8)

/* The caller may have left others open that somebody else waits for the end of. */
static int close_inherited(const struct plan *p, const struct image_hold *hold, int report,
                           struct err *e)
{
        const int own[] = { report,
                            hold->store_lock,
                            hold->image,
                            p->report.status_fd,
                            p->report.ready_fd,
                            p->files.is_review ? p->files.review_lock : -1 };
        int keep[MAX_KEPT];
        size_t n = 0;

        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
                if (own[i] >= 3)
                        keep[n++] = own[i];
        }
        for (size_t i = 0; i < p->report.n_keep_fds; i++)
                keep[n++] = p->report.keep_fds[i];
        fd_sort(keep, n);
        return fd_close_others(keep, n, e);
}

static int leave_caller(const struct plan *p, const struct image_hold *hold, struct detach *d,
                        struct err *e)
{
        if (setsid() < 0)
                return err_sys(e, "cannot start a session");
        if (close_inherited(p, hold, d->report, e) < 0)
                return -e->code;
        d->capture = capture_new(e);
        if (!d->capture)
                return -e->code;
        return capture_place(d->capture, p->exec.keeps_input || p->exec.force_tty, e);
}

static void tell(struct detach *d, const struct report *report)
{
        struct err unused = { 0 };

        io_send(d->report, report, sizeof(*report), NULL, 0, &unused);
        fd_close(&d->report);
}

static _Noreturn void supervise(const struct plan *p, struct image_hold *hold,
                                struct review *review, int sock)
{
        struct detach d = { .report = sock };
        struct report report = { .result = { .exit_code = EXIT_FAILED } };

        if (leave_caller(p, hold, &d, &report.err) == 0)
                run_sandbox(p, hold, review, NULL, &d, &report.result, &report.err);
        if (d.report >= 0)
                tell(&d, &report);
        else if (report.err.code != 0)
                log_err(&report.err);
        capture_free(&d.capture);
        _exit(report.result.exit_code);
}

int detach_tell_started(struct detach *d, const char *id, struct err *e)
{
        struct report report = { 0 };

        if (capture_leave(d->capture, e) < 0)
                return -e->code;
        /* no file system is kept in use by it */
        if (chdir("/") < 0)
                return err_sys(e, "cannot enter '/'");
        memcpy(report.id, id, sizeof(report.id));
        if (io_send(d->report, &report, sizeof(report), NULL, 0, e) < 0)
                return err_set(e, EPIPE, "who has started the sandbox has not waited for it");
        fd_close(&d->report);
        return 0;
}

int detach_run(const struct plan *p, struct image_hold *hold, struct review *review,
               struct run_result *ret, char id[BOX_ID_SIZE], struct err *e)
{
        struct report report;
        autofd sock = -1;
        pid_t pid = proc_fork_linked(&sock, e);

        if (pid < 0)
                return -e->code;
        if (pid == 0)
                supervise(p, hold, review, fd_take(&sock));
        ssize_t n = io_receive(sock, &report, sizeof(report), NULL, 0, NULL, e);
        if (n < 0)
                return -e->code;
        if (n != (ssize_t)sizeof(report))
                return err_set(e, EPROTO, "the supervisor of the sandbox ended before it ran");
        *ret = report.result;
        if (!report.id[0]) {
                *e = report.err;
                return e->code > 0 ? -e->code : err_set(e, EPROTO, "the sandbox was not started");
        }
        memcpy(id, report.id, BOX_ID_SIZE);
        return 0;
}
