#include "import.h"

#include "fd.h"
#include "io.h"
#include "jail.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_input(const char *file, struct err *e)
{
        if (str_eq(file, "-")) {
                int copy = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
                return copy < 0 ? err_sys(e, "cannot read standard input") : copy;
        }
        /* O_NONBLOCK: a fifo must not hang the opening; it reads as empty when nobody writes */
        autofd fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return err_sys(e, "cannot open '%.300s'", file);
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                return err_sys(e, "cannot prepare '%.300s'", file);
        return fd_take(&fd);
}

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

static int start_child(const struct store *store, const struct session *session, int input,
                       const char *name, struct child *ret_child, int *ret_report, struct err *e)
{
        struct import_child job = {
                .input = input,
                .store = store,
                .session = session,
                .name = name,
                .uid = geteuid(),
                .gid = getegid(),
        };
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
        int r = jail_fork(false, ret_child, &job.has_namespaces, e);
        if (r < 0)
                return r;
        if (r > 0)
                import_child_run(&job);
        *ret_report = fd_take(&ours);
        return 0;
}

/* The end of the stream without a message means that it was killed. */
static int read_report(int fd, struct child *child, struct import_report *ret, struct err *e)
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
        if (ret->message == IMPORT_FAILED && ret->err.code > 0) {
                *e = ret->err;
                return -e->code;
        }
        if (ret->message != IMPORT_DONE)
                return err_set(e, EPROTO, "the process that reads the archive sent nonsense");
        return 0;
}

static int wait_for_report(int report_fd, int signal_fd, struct child *child,
                           struct import_report *ret, int *ret_signal, struct err *e)
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
                return err_set(e, EINTR, "the import was interrupted");
        }
        return read_report(report_fd, child, ret, e);
}

static int import_in_session(const struct store *store, const struct session *session,
                             const struct import_request *request, struct import_result *ret,
                             struct err *e)
{
        autofd input = open_input(request->file, e);
        autofd signals = input < 0 ? -1 : catch_signals(e);
        struct import_report report = { 0 };
        autochild child = CHILD_NONE;
        autofd fd = -1;

        if (signals < 0 || start_child(store, session, input, request->name, &child, &fd, e) < 0 ||
            wait_for_report(fd, signals, &child, &report, &ret->signal, e) < 0)
                return -e->code;
        ret->devices = report.devices;
        ret->n_ignored = report.n_ignored;
        memcpy(ret->architecture, report.architecture, sizeof(ret->architecture));
        return import_commit(store, session, request, &ret->id, e);
}

int import_run(const struct store *store, const struct import_request *request,
               struct import_result *ret, struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };

        *ret = (struct import_result){ 0 };
        int r = session_open(store, &session, e);
        if (r == 0)
                r = import_in_session(store, &session, request, ret, e);
        /* what cannot be removed now is swept by the next import */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        return r;
}
