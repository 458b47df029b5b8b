#include "box-ask.h"

#include "fd.h"
#include "proc.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *box_ask_name(const struct box_status *status, const char *word)
{
        return word ? word : status->name[0] ? status->name : status->id;
}

static bool is_nobody_there(const struct err *e)
{
        return e->code == ENOENT || e->code == ECONNREFUSED || e->code == EPIPE ||
               e->code == ECONNRESET;
}

int box_ask_wake(const struct box_status *status, enum control_type type, struct err *e)
{
        autofd pidfd = -1;
        uint64_t start = 0;
        char state = 0;

        /* its answer is the end, and is waited for as long as it takes */
        if (type == CONTROL_WAIT)
                return 0;
        pidfd = proc_pidfd(status->supervisor, e);
        if (pidfd < 0 || proc_stat(status->supervisor, &state, &start) < 0 ||
            start != status->supervisor_start || state != 'T') {
                *e = (struct err){ 0 };
                return 0;
        }
        if (type != CONTROL_SIGNAL && type != CONTROL_STOP) {
                err_set(e, EBUSY, "sandbox '%s' is stopped", box_ask_name(status, NULL));
                return err_hint(e,
                                "it was started in the foreground of a shell: `fg` there, or "
                                "kill -CONT %d",
                                (int)status->supervisor);
        }
        if (syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) < 0 && errno != ESRCH)
                return err_sys(e, "cannot continue the supervisor of sandbox '%s'",
                               box_ask_name(status, NULL));
        return 0;
}

int box_ask(const struct state *s, const struct box_status *status, enum control_type type,
            int value, const int *fds, size_t n_fds, struct err *e)
{
        autofd dir = -1;
        autofd sock = -1;

        if (status->phase == BOX_EXITED)
                return -1;
        if (box_ask_wake(status, type, e) < 0)
                return -e->code;
        dir = state_open_box(s, status->id, e);
        if (dir >= 0)
                sock = control_connect(dir, status, e);
        if (sock >= 0 && control_send(sock, type, value, fds, n_fds, e) == 0)
                return fd_take(&sock);
        if (!is_nobody_there(e))
                return -e->code;
        *e = (struct err){ 0 };
        /* it may be about to end: then it is not asked, but waited for */
        return state_await_end(s, status->id, e) < 0 ? -e->code : -1;
}

int box_ask_status(const struct state *s, const char *id, const char *name, int *ret, struct err *e)
{
        struct box_status status;

        if (state_await_end(s, id, e) < 0)
                return -e->code;
        *ret = -1;
        if (state_read_status(s, id, &status, e) == 0) {
                *ret = status.exit_code;
                return 0;
        }
        if (e->code == ENOENT)
                err_set(e, ENOENT, "there is no sandbox '%s' any more", name);
        return -e->code;
}

int box_ask_lost(const char *name, struct err *e)
{
        err_set(e, ECANCELED, "how sandbox '%s' ended is not known", name);
        return err_hint(e, "its supervisor was killed, and with it the sandbox");
}
