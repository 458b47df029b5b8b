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

/* Whether its supervisor is; *ret_pidfd, the caller's, is of it. */
static bool is_stopped(const struct box_status *status, int *ret_pidfd)
{
        struct err unused = { 0 };
        uint64_t start = 0;
        char state = 0;

        *ret_pidfd = proc_pidfd(status->supervisor, &unused);
        return *ret_pidfd >= 0 && proc_stat(status->supervisor, &state, &start) == 0 &&
               start == status->supervisor_start && state == 'T';
}

/* What may be asked of one that is stopped, as its answer comes of its end or leads to it. */
static bool can_wake(enum control_type type)
{
        return type == CONTROL_SIGNAL || type == CONTROL_STOP;
}

int box_ask_judge(const struct box_status *status, enum control_type type, struct err *e)
{
        autofd pidfd = -1;

        /* the answer to WAIT is the end, and is waited for as long as it takes */
        if (type == CONTROL_WAIT || can_wake(type) || !is_stopped(status, &pidfd))
                return 0;
        err_set(e, EBUSY, "sandbox '%s' is stopped", box_ask_name(status, NULL));
        return err_hint(e,
                        "it was started in the foreground of a shell: `fg` there, or "
                        "kill -CONT %d",
                        (int)status->supervisor);
}

/* Once it is asked: it may be about to stop again. */
static int wake(const struct box_status *status, struct err *e)
{
        autofd pidfd = -1;

        if (is_stopped(status, &pidfd) &&
            syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) < 0 && errno != ESRCH)
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
        if (box_ask_judge(status, type, e) < 0)
                return -e->code;
        dir = state_open_box(s, status->id, e);
        if (dir >= 0)
                sock = control_connect(dir, status, e);
        if (sock >= 0 && control_send(sock, type, value, fds, n_fds, e) == 0)
                return can_wake(type) && wake(status, e) < 0 ? -e->code : fd_take(&sock);
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
