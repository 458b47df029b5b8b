#include "worker.h"

#include "digest.h"
#include "fd.h"
#include "io.h"
#include "jail.h"
#include "proc.h"
#include "signals.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------ the jailed process ------ */

struct jailed {
        struct worker worker;
        int parent; /* a pidfd */
        bool has_namespaces;
        uid_t uid;
        gid_t gid;
};

/* Descriptors that it keeps, and directories among them below which it may read. */
struct open_list {
        int fds[20];
        size_t n;
        int readable[4];
        size_t n_readable;
};

static void add_fd(struct open_list *list, int fd)
{
        if (fd >= 0)
                list->fds[list->n++] = fd;
}

static void add_readable(struct open_list *list, int fd)
{
        add_fd(list, fd);
        if (fd >= 0)
                list->readable[list->n_readable++] = fd;
}

static int compare(const void *a, const void *b)
{
        const int *x = a;
        const int *y = b;

        return (*x > *y) - (*x < *y);
}

/* Everything that it may read, for one that looks at the whole store. */
static void add_store(struct open_list *list, const struct store *store)
{
        add_readable(list, store->dir);
        add_fd(list, store->blobs);
        add_fd(list, store->images);
        add_fd(list, store->names);
        add_fd(list, store->paths);
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                add_fd(list, store->layers[mode]);
                add_fd(list, store->records[mode]);
        }
}

/* The blobs, unpacked layers if it reads any, and the session that it writes to. */
static void add_session(struct open_list *list, const struct worker *w)
{
        const struct session *session = w->session;

        add_readable(list, w->store->blobs);
        add_readable(list, w->layers);
        if (!session)
                return;
        add_fd(list, w->store->images);
        add_fd(list, session->dir);
        add_fd(list, session->blobs);
        add_fd(list, session->layers);
        add_fd(list, session->records);
}

/* Whoever looks must see what nobody may read; whoever writes gives files away, or has no rights. */
static uint64_t needed_caps(const struct worker *w)
{
        if (w->reads_store)
                return 1ull << CAP_DAC_READ_SEARCH;
        if (w->keeps_ids)
                return JAIL_CAPS_READ;
        return w->maps ? JAIL_CAPS_OWN : 0;
}

static int close_jail(const struct jailed *child, struct err *e)
{
        const struct worker *w = &child->worker;
        struct open_list list = { .n = 0 };
        struct stat st;

        add_fd(&list, w->report);
        if (w->reads_store)
                add_store(&list, w->store);
        else
                add_session(&list, w);
        for (size_t i = 0; i < w->n_more; i++)
                add_fd(&list, w->more[i]);
        if (w->input >= 0 && fstat(w->input, &st) == 0 && S_ISDIR(st.st_mode))
                add_readable(&list, w->input);
        else
                add_fd(&list, w->input);
        qsort(list.fds, list.n, sizeof(list.fds[0]), compare);

        struct jail_spec spec = {
                .fds = list.fds,
                .n_fds = list.n,
                .writable = w->session ? w->session->dir : -1,
                .readable = list.readable,
                .n_readable = list.n_readable,
                .maps = w->maps,
                .keep_caps = needed_caps(w),
                .uid = child->uid,
                .gid = child->gid,
                .keeps_ids = w->keeps_ids,
        };
        return jail_close(&spec, child->has_namespaces, child->parent, e);
}

static _Noreturn void jailed_main(const struct jailed *child)
{
        const struct worker *w = &child->worker;
        struct worker_report report = { .message = WORKER_FAILED };
        struct err unused = { 0 };
        struct digest digest;

        /* libcrypto makes itself ready with its first digest: while it still can open files */
        if (digest_of("", 0, &digest, &report.err) == 0 && close_jail(child, &report.err) == 0 &&
            w->work(w, &report, &report.err) == 0)
                report.message = WORKER_DONE;
        io_send(w->report, &report, sizeof(report), NULL, 0, &unused);
        _exit(report.message == WORKER_DONE ? 0 : 1);
}

int worker_note(const struct worker *w, unsigned note, struct err *e, const char *fmt, ...)
{
        struct worker_report report = { .message = WORKER_NOTE, .note = note };
        va_list args;

        va_start(args, fmt);
        vsnprintf(report.err.text, sizeof(report.err.text), fmt, args);
        va_end(args);
        return io_send(w->report, &report, sizeof(report), NULL, 0, e);
}

/* ------ the parent ------ */

static int start_child(const struct worker *w, struct child *ret_child, int *ret_report,
                       struct err *e)
{
        struct jailed job = { .worker = *w, .uid = geteuid(), .gid = getegid() };
        autofd self = proc_pidfd(getpid(), e);
        autofd ours = -1;
        autofd theirs = -1;

        if (self < 0 || fd_socketpair(&ours, &theirs, e) < 0)
                return -e->code;
        job.worker.report = theirs;
        job.parent = self;
        int r = jail_fork(w->maps, w->keeps_ids, ret_child, &job.has_namespaces, e);
        if (r < 0)
                return r;
        if (r > 0)
                jailed_main(&job);
        *ret_report = fd_take(&ours);
        return 0;
}

static int ended(int status, struct err *e)
{
        return err_set(e, EIO, "the process that does the work was ended (status %d)",
                       proc_exit_code(status));
}

/* One message; the end of the stream without it means that it was killed. */
static int receive(int fd, struct child *child, struct worker_report *ret, struct err *e)
{
        int status;
        ssize_t n = io_receive(fd, ret, sizeof(*ret), NULL, 0, NULL, e);

        if (n < 0)
                return -e->code;
        if (n == 0 && proc_wait(child, &status, e) < 0)
                return -e->code;
        if (n == 0)
                return ended(status, e);
        if (n != sizeof(*ret))
                return err_set(e, EPROTO, "the process that does the work sent nonsense");
        ret->architecture[sizeof(ret->architecture) - 1] = '\0';
        ret->tag[sizeof(ret->tag) - 1] = '\0';
        ret->err.text[sizeof(ret->err.text) - 1] = '\0';
        return 0;
}

/* Returns 1 when there is more to come. */
static int take_report(const struct worker *w, int fd, struct child *child,
                       struct worker_report *ret, struct err *e)
{
        int status;

        if (receive(fd, child, ret, e) < 0)
                return -e->code;
        if (ret->message == WORKER_NOTE && w->note) {
                w->note(w->note_context, ret->note, ret->err.text);
                return 1;
        }
        if (proc_wait(child, &status, e) < 0)
                return -e->code;
        if (ret->message == WORKER_FAILED && ret->err.code > 0) {
                *e = ret->err;
                return -e->code;
        }
        if (ret->message != WORKER_DONE)
                return err_set(e, EPROTO, "the process that does the work sent nonsense");
        return status == 0 ? 0 : ended(status, e);
}

static int wait_for_report(const struct worker *w, int report_fd, int signal_fd,
                           struct child *child, struct worker_report *ret, int *ret_signal,
                           struct err *e)
{
        int r = 1;

        while (r > 0) {
                int n = signals_wait(signal_fd, report_fd, e);

                if (n < 0)
                        return n;
                if (n > 0) {
                        *ret_signal = n;
                        return err_set(e, EINTR, "interrupted");
                }
                r = take_report(w, report_fd, child, ret, e);
        }
        return r;
}

int worker_run(const struct worker *w, struct worker_report *ret, int *ret_signal, struct err *e)
{
        autofd signals = signals_catch(e);
        autochild child = CHILD_NONE;
        autofd report = -1;

        if (signals < 0 || start_child(w, &child, &report, e) < 0)
                return -e->code;
        return wait_for_report(w, report, signals, &child, ret, ret_signal, e);
}
