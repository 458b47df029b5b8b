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

/* What a worker keeps: fds, and those of them that are directories to read from. */
struct kept_fds {
        int fds[8 + WORKER_MORE];
        size_t n;
        int readable[3];
        size_t n_readable;
};

static void keep_readable(struct kept_fds *k, int fd)
{
        struct stat st;

        if (fd < 0)
                return;
        k->fds[k->n++] = fd;
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
                k->readable[k->n_readable++] = fd;
}

static void choose_fds(const struct jailed *child, struct kept_fds *k)
{
        const struct worker *w = child->worker;

        k->fds[k->n++] = child->report;
        keep_readable(k, w->store->blobs);
        keep_readable(k, w->layers);
        keep_readable(k, w->input);
        if (w->session) {
                k->fds[k->n++] = w->session->dir;
                k->fds[k->n++] = w->session->blobs;
                k->fds[k->n++] = w->session->layers;
        }
        for (size_t i = 0; i < w->n_more; i++)
                k->fds[k->n++] = w->more[i];
        qsort(k->fds, k->n, sizeof(k->fds[0]), compare);
}

static int close_jail(const struct jailed *child, struct err *e)
{
        const struct worker *w = child->worker;
        struct kept_fds kept = { .n = 0 };

        choose_fds(child, &kept);
        struct jail_spec spec = {
                .fds = kept.fds,
                .n_fds = kept.n,
                .writable = w->session ? w->session->dir : -1,
                .readable = kept.readable,
                .n_readable = kept.n_readable,
                .maps = w->maps,
                .keep_caps = w->maps        ? JAIL_CAPS_OWN
                             : w->keeps_ids ? JAIL_CAPS_READ
                                            : 0,
                .uid = child->uid,
                .gid = child->gid,
                .keeps_ids = w->keeps_ids,
        };
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
        int r = jail_fork(w->maps, w->keeps_ids, ret_child, &job.has_namespaces, e);
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
                return err_set(e, EIO, "the process that does the work was ended (status %d)",
                               proc_exit_code(status));
        if (n != sizeof(*ret))
                return err_set(e, EPROTO, "the process that does the work sent nonsense");
        ret->architecture[sizeof(ret->architecture) - 1] = '\0';
        ret->err.text[sizeof(ret->err.text) - 1] = '\0';
        if (ret->message == WORKER_FAILED && ret->err.code > 0) {
                *e = ret->err;
                return -e->code;
        }
        if (ret->message != WORKER_DONE)
                return err_set(e, EPROTO, "the process that does the work sent nonsense");
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
                return err_sys(e, "cannot wait for the process that does the work");
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
