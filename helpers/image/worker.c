#include "worker.h"

#include "digest.h"
#include "fd.h"
#include "io.h"
#include "jail.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------ the jailed process ------ */

struct jailed {
        const struct worker *worker;
        int report; /* a SEQPACKET socket */
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

static int close_jail(const struct jailed *child, struct err *e)
{
        const struct worker *w = child->worker;
        enum store_mode mode = w->maps ? STORE_SUBIDS : STORE_SINGLE;
        int fds[] = {
                child->report,   w->session->dir,        w->session->blobs, w->session->layers,
                w->store->blobs, w->store->layers[mode], w->input,
        };
        int readable[3] = { w->store->blobs, w->store->layers[mode] };
        struct jail_spec spec = {
                .fds = fds,
                .n_fds = w->input < 0 ? 6 : 7,
                .writable = w->session->dir,
                .readable = readable,
                .n_readable = 2,
                .maps = w->maps,
                .keep_caps = w->maps ? JAIL_CAPS_OWN : 0,
                .uid = child->uid,
                .gid = child->gid,
        };
        struct stat st;

        if (w->input >= 0 && fstat(w->input, &st) == 0 && S_ISDIR(st.st_mode))
                readable[spec.n_readable++] = w->input;
        qsort(fds, spec.n_fds, sizeof(fds[0]), compare);
        return jail_close(&spec, child->has_namespaces, child->parent, e);
}

static _Noreturn void jailed_main(const struct jailed *child)
{
        const struct worker *w = child->worker;
        struct worker_report report = { .message = WORKER_FAILED };
        struct err unused = { 0 };
        struct digest digest;

        /* libcrypto makes itself ready with its first digest: while it still can open files */
        if (digest_of("", 0, &digest, &report.err) == 0 && close_jail(child, &report.err) == 0 &&
            w->work(w, &report, &report.err) == 0)
                report.message = WORKER_DONE;
        io_send(child->report, &report, sizeof(report), NULL, 0, &unused);
        _exit(report.message == WORKER_DONE ? 0 : 1);
}

/* ------ the parent ------ */

/* Signals that end a program become readable, so that a session does not stay behind. */
static int catch_signals(struct err *e)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGQUIT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return err_sys(e, "cannot block signals");
        int fd = signalfd(-1, &set, SFD_CLOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot watch for signals");
        return fd;
}

static int start_child(const struct worker *w, struct child *ret_child, int *ret_report,
                       struct err *e)
{
        struct jailed job = { .worker = w, .uid = geteuid(), .gid = getegid() };
        autofd self = proc_pidfd(getpid(), e);
        int ends[2];

        if (self < 0)
                return -e->code;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(e, "cannot make a socket pair");
        autofd ours = ends[0];
        autofd theirs = ends[1];
        job.report = theirs;
        job.parent = self;
        int r = jail_fork(w->maps, ret_child, &job.has_namespaces, e);
        if (r < 0)
                return r;
        if (r > 0)
                jailed_main(&job);
        *ret_report = fd_take(&ours);
        return 0;
}

/* The end of the stream without a message means that it was killed. */
static int read_report(int fd, struct child *child, struct worker_report *ret, struct err *e)
{
        int status;
        ssize_t n = io_receive(fd, ret, sizeof(*ret), NULL, 0, NULL, e);

        if (n < 0)
                return -e->code;
        if (proc_wait(child, &status, e) < 0)
                return -e->code;
        if (n == 0)
                return err_set(e, EIO, "the process that reads the archive was ended (status %d)",
                               proc_exit_code(status));
        if (n != sizeof(*ret))
                return err_set(e, EPROTO, "the process that reads the archive sent nonsense");
        ret->architecture[sizeof(ret->architecture) - 1] = '\0';
        ret->err.text[sizeof(ret->err.text) - 1] = '\0';
        if (ret->message == WORKER_FAILED && ret->err.code > 0) {
                *e = ret->err;
                return -e->code;
        }
        if (ret->message != WORKER_DONE)
                return err_set(e, EPROTO, "the process that reads the archive sent nonsense");
        return 0;
}

static int wait_for_report(int report_fd, int signal_fd, struct child *child,
                           struct worker_report *ret, int *ret_signal, struct err *e)
{
        struct pollfd fds[] = {
                { .fd = report_fd, .events = POLLIN },
                { .fd = signal_fd, .events = POLLIN },
        };
        struct signalfd_siginfo info;
        int n;

        do {
                n = poll(fds, 2, -1);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot wait for the process that reads the archive");
        if (fds[1].revents && read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
                *ret_signal = (int)info.ssi_signo;
                return err_set(e, EINTR, "interrupted");
        }
        return read_report(report_fd, child, ret, e);
}

int worker_run(const struct worker *w, struct worker_report *ret, int *ret_signal, struct err *e)
{
        autofd signals = catch_signals(e);
        autochild child = CHILD_NONE;
        autofd report = -1;

        if (signals < 0 || start_child(w, &child, &report, e) < 0)
                return -e->code;
        return wait_for_report(report, signals, &child, ret, ret_signal, e);
}
