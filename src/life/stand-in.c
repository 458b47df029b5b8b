#include "stand-in.h"

#include "fd.h"
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Waits for a timer.  True: there is something for the supervisor to do, or to say. */
static bool is_wanted(struct supervisor *s)
{
        struct pollfd fds[] = {
                { .fd = s->timer, .events = POLLIN },
                { .fd = s->sampler.timer, .events = POLLIN },
        };
        enum sample_verdict verdict;
        struct err unused = { 0 };

        if (poll(fds, 2, -1) < 0)
                return errno != EINTR;
        if (fds[0].revents)
                return true;
        if (!fds[1].revents)
                return false;
        /* sets the timer anew for both: it is one and the same */
        return sampler_look(&s->sampler, &verdict, &unused) < 0 || verdict != SAMPLE_WITHIN;
}

/*
 * A group of its own: what stops or ends that of kelp passes it by.  It asks more than once, as kelp
 * may be just about to stop.  Where it cannot keep watch, kelp does not stay stopped.
 */
static _Noreturn void stand_in_main(struct supervisor *s, int kelp)
{
        static const struct timespec pause = { .tv_nsec = 100000000 };
        struct err unused = { 0 };

        bool can_watch = setpgid(0, 0) == 0 && proc_die_with(kelp, &unused) == 0;

        prctl(PR_SET_NAME, "kelp-limits", 0, 0, 0);
        while (can_watch && !is_wanted(s))
                ;
        while (syscall(SYS_pidfd_send_signal, kelp, SIGCONT, NULL, 0) == 0)
                nanosleep(&pause, NULL);
        _exit(0);
}

int stand_in_start(struct child *ret, struct supervisor *s, struct err *e)
{
        *ret = (struct child)CHILD_NONE;
        if (s->timer < 0 && s->sampler.timer < 0)
                return 0;
        autofd self = proc_pidfd(getpid(), e);
        if (self < 0)
                return -e->code;
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork who keeps the limits while kelp is stopped");
        if (pid == 0)
                stand_in_main(s, self);
        ret->pid = pid;
        return 0;
}
