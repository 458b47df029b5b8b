#include "import.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int open_layout(const struct session *session, struct err *e)
{
        int fd = openat(session->dir, SESSION_LAYOUT,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? err_sys(e, "cannot open the layout of the session") : fd;
}

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

static int import_in_session(const struct store *store, const struct session *session,
                             const struct import_request *request, struct import_result *ret,
                             struct err *e)
{
        autofd input = request->file ? open_input(request->file, e) : open_layout(session, e);
        struct worker worker = {
                .store = store,
                .session = session,
                .layers = store->layers[STORE_SINGLE],
                .input = input,
                .work = import_work,
                .job = request,
        };
        struct worker_report report = { 0 };

        if (input < 0 || worker_run(&worker, &report, &ret->signal, e) < 0)
                return -e->code;
        ret->devices = report.devices;
        ret->n_ignored = report.n_ignored;
        memcpy(ret->architecture, report.architecture, sizeof(ret->architecture));
        return import_commit(store, session, request, &ret->id, e);
}

int import_run(const struct store *store, struct import_request *request, struct import_result *ret,
               struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };

        *ret = (struct import_result){ 0 };
        int r = request->file ? session_open(store, &session, e)
                              : session_adopt(store, &request->session, &session, e);
        if (r == 0)
                r = import_in_session(store, &session, request, ret, e);
        /* what cannot be removed now is swept by the next import */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        return r;
}
