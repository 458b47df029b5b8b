#include "pull.h"

#include "fd.h"
#include "helper-exit.h"
#include "io.h"
#include "proc.h"
#include "signals.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct work {
        const struct pull_spec *spec;
        struct store store;
        struct session session;
        struct layout layout;
        int signals;
};

/* ------ the fetcher ------ */

/* The image that has the name now; "" when there is none, or none that can be read. */
static void find_current(const struct work *w, struct digest *ret)
{
        char file[NAME_MAX + 1];
        autoimage image = { 0 };
        struct err unused = { 0 };

        *ret = (struct digest){ .hex = "" };
        if (ref_encode(w->spec->name.stored, file, &unused) == 0 &&
            store_read_image(w->store.names, file, &image, &unused) == 0)
                *ret = image.id;
}

static int start_fetcher(struct work *w, struct child *ret_child, int *ret_report, struct err *e)
{
        struct fetch_spec spec = { .pull = w->spec, .layout = &w->layout };
        autofd self = proc_pidfd(getpid(), e);
        autofd sock = -1;

        if (self < 0)
                return -e->code;
        find_current(w, &spec.current);
        spec.parent = self;
        pid_t pid = proc_fork_linked(&sock, e);
        if (pid < 0)
                return err_prefix(e, "cannot start a process to talk to the registry");
        if (pid == 0) {
                spec.report = sock;
                fetch_run(&spec);
        }
        *ret_child = (struct child){ .pid = pid, .pidfd = -1 };
        *ret_report = fd_take(&sock);
        return 0;
}

static int ended(int status, struct err *e)
{
        return err_set(e, EIO, "the process that talks to the registry was ended (status %d)",
                       proc_exit_code(status));
}

static int read_report(int fd, struct child *child, struct fetch_report *ret, struct err *e)
{
        static const char nonsense[] = "the process that talks to the registry sent nonsense";
        int status;
        ssize_t n = io_receive(fd, ret, sizeof(*ret), NULL, 0, NULL, e);

        if (n < 0 || proc_wait(child, &status, e) < 0)
                return -e->code;
        if (n == 0)
                return ended(status, e);
        if (n != sizeof(*ret))
                return err_set(e, EPROTO, nonsense);
        ret->err.text[sizeof(ret->err.text) - 1] = '\0';
        ret->mirrors.text[sizeof(ret->mirrors.text) - 1] = '\0';
        ret->id.hex[DIGEST_HEX] = '\0';
        if (ret->message == FETCH_FAILED && ret->err.code > 0) {
                *e = ret->err;
                return -e->code;
        }
        if (ret->message != FETCH_DONE || (ret->was_current && !digest_is_hex(ret->id.hex)))
                return err_set(e, EPROTO, nonsense);
        return status == 0 ? 0 : ended(status, e);
}

static int fetch(struct work *w, struct pull_result *ret, struct err *e)
{
        struct fetch_report report = { 0 };
        autochild child = CHILD_NONE;
        autofd fd = -1;

        if (start_fetcher(w, &child, &fd, e) < 0)
                return -e->code;
        int r = signals_wait(w->signals, fd, e);
        if (r < 0)
                return r;
        if (r > 0) {
                ret->status = 128 + r;
                return err_set(e, EINTR, "the pull was interrupted");
        }
        r = read_report(fd, &child, &report, e);
        ret->has_landlock = report.has_landlock;
        ret->was_current = report.was_current;
        ret->id = report.id;
        ret->mirrors = report.mirrors;
        return r;
}

/* ------ the import ------ */

static int start_importer(const struct work *w, struct child *ret, struct err *e)
{
        char number[16];
        /* a name that was parsed is no option */
        const char *argv[] = {
                "kelp-image",
                "--store",
                w->spec->store,
                "import",
                "--session-fd",
                number,
                w->spec->is_quiet ? "--quiet" : "--",
                w->spec->name.stored,
                NULL,
        };
        const int keep[] = { w->session.dir };
        struct proc_spec spec = {
                .path = w->spec->importer,
                .argv = argv,
                .stdin_fd = -1,
                .stdout_fd = w->spec->stdout_fd,
                .stderr_fd = -1,
                .keep = keep,
                .n_keep = 1,
                .die_with_parent = true,
        };

        snprintf(number, sizeof(number), "%d", w->session.dir);
        return proc_start(&spec, ret, e);
}

static int import(const struct work *w, struct pull_result *ret, struct err *e)
{
        autochild child = CHILD_NONE;
        int status;
        int r;

        if (start_importer(w, &child, e) < 0)
                return -e->code;
        /* it ends by itself, and cleans up: a signal for us is one for it */
        while ((r = signals_wait(w->signals, child.pidfd, e)) > 0)
                kill(child.pid, r);
        if (r < 0 || proc_wait(&child, &status, e) < 0)
                return -e->code;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        ret->status = proc_exit_code(status);
        ret->has_told = WIFEXITED(status);
        return err_set(e, EIO, "the import ended with status %d", ret->status);
}

/* ------ the whole ------ */

static int run(struct work *w, struct pull_result *ret, struct err *e)
{
        if (store_open(&w->store, w->spec->store, true, e) < 0 || session_claim(&w->store, e) < 0 ||
            session_open(&w->store, &w->session, e) < 0 ||
            layout_make(w->session.dir, w->store.blobs, &w->layout, e) < 0)
                return -e->code;
        if (fetch(w, ret, e) < 0)
                return -e->code;
        return ret->was_current ? 0 : import(w, ret, e);
}

int pull_run(const struct pull_spec *spec, struct pull_result *ret, struct err *e)
{
        struct work w = {
                .spec = spec,
                .store = STORE_NONE,
                .session = SESSION_NONE,
                .layout = LAYOUT_NONE,
        };
        struct err cleanup = { 0 };

        *ret = (struct pull_result){ .status = HELPER_FAILED };
        w.signals = signals_catch(e);
        int r = w.signals < 0 ? w.signals : run(&w, ret, e);
        layout_done(&w.layout);
        /* what cannot be removed now is swept by the next pull or import */
        if (session_remove(&w.store, &w.session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                r = -e->code;
        }
        store_done(&w.store);
        fd_close(&w.signals);
        return r;
}
