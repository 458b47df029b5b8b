#include "worker.h"

#include "digest.h"
#include "fd.h"
#include "io.h"
#include "jail.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct report {
        uint32_t is_done;
        struct worker_result result;
        struct err err;
};

struct job {
        const struct worker *worker;
        int report;
        int parent; /* a pidfd */
        bool has_namespaces;
        uid_t uid;
        gid_t gid;
};

static int compare(const void *a, const void *b)
{
        const int *x = a;
        const int *y = b;

        return (*x > *y) - (*x < *y);
}

static int close_jail(const struct job *job, struct err *e)
{
        const struct worker *w = job->worker;
        int fds[WORKER_FDS + 1];
        struct jail_spec spec = {
                .fds = fds,
                .writable = w->writable,
                .readable = w->readable,
                .n_readable = w->n_readable,
                .uid = job->uid,
                .gid = job->gid,
                .keeps_ids = w->keeps_ids,
        };

        for (size_t i = 0; i < w->n_fds; i++)
                fds[spec.n_fds++] = w->fds[i];
        fds[spec.n_fds++] = job->report;
        qsort(fds, spec.n_fds, sizeof(fds[0]), compare);
        return jail_close(&spec, job->has_namespaces, job->parent, e);
}

static _Noreturn void child_main(const struct job *job)
{
        struct report report = { 0 };
        struct err unused = { 0 };
        struct digest digest;

        /* libcrypto makes itself ready with its first digest: while it still can open files */
        if (digest_of("", 0, &digest, &report.err) == 0 && close_jail(job, &report.err) == 0 &&
            job->worker->run(job->worker->context, &report.result, &report.err) == 0)
                report.is_done = 1;
        io_send(job->report, &report, sizeof(report), NULL, 0, &unused);
        _exit(report.is_done ? 0 : 1);
}

/* Signals that end a program become readable, so that nothing half-made stays behind. */
static int catch_signals(struct err *e)
{
        static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                sigaddset(&set, numbers[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return err_sys(e, "cannot block signals");
        int fd = signalfd(-1, &set, SFD_CLOEXEC);
        return fd < 0 ? err_sys(e, "cannot watch for signals") : fd;
}

static int start(const struct worker *w, struct child *ret_child, int *ret_report, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);
        int ends[2];

        if (self < 0)
                return -e->code;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(e, "cannot make a socket pair");
        autofd ours = ends[0];
        autofd theirs = ends[1];
        struct job job = {
                .worker = w, .report = theirs, .parent = self, .uid = geteuid(), .gid = getegid()
        };
        int r = jail_fork(w->keeps_ids, ret_child, &job.has_namespaces, e);
        if (r < 0)
                return r;
        if (r > 0)
                child_main(&job);
        *ret_report = fd_take(&ours);
        return 0;
}

static int read_report(int fd, struct child *child, struct worker_result *ret, struct err *e)
{
        struct report report = { 0 };
        int status = 0;
        ssize_t n = io_receive(fd, &report, sizeof(report), NULL, 0, NULL, e);

        if (n < 0 || proc_wait(child, &status, e) < 0)
                return -e->code;
        if (n == 0)
                return err_set(e, EIO, "the process that does the work was ended (status %d)",
                               proc_exit_code(status));
        report.err.text[sizeof(report.err.text) - 1] = '\0';
        if (n == (ssize_t)sizeof(report) && !report.is_done && report.err.code > 0) {
                *e = report.err;
                return -e->code;
        }
        if (n != (ssize_t)sizeof(report) || report.is_done != 1)
                return err_set(e, EPROTO, "the process that does the work sent nonsense");
        *ret = report.result;
        return 0;
}

int worker_run(const struct worker *w, struct worker_result *ret, int *ret_signal, struct err *e)
{
        autofd signals = catch_signals(e);
        autochild child = CHILD_NONE;
        autofd report = -1;
        struct signalfd_siginfo info;
        int n;

        *ret_signal = 0;
        if (signals < 0 || start(w, &child, &report, e) < 0)
                return -e->code;
        struct pollfd fds[] = {
                { .fd = report, .events = POLLIN },
                { .fd = signals, .events = POLLIN },
        };
        do {
                n = poll(fds, 2, -1);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot wait for the process that does the work");
        if (fds[1].revents && read(signals, &info, sizeof(info)) == sizeof(info)) {
                *ret_signal = (int)info.ssi_signo;
                return err_set(e, EINTR, "interrupted");
        }
        return read_report(report, &child, ret, e);
}
