#include "supervisor.h"

#include "io.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * How a sandbox is asked to end, and made to: by SIGTERM, by the time limit, by limits that are
 * sampled, by `kelp stop`.  First the stop signal of the image, to the payload; after a while
 * SIGKILL, to all that is in its cgroup, or to pid 1, with which the kernel ends all others.
 */

#define NS_IN_S 1000000000u

void supervisor_send_signal(struct supervisor *s, int number)
{
        struct err unused;

        /* an end of pid 1 is noticed elsewhere */
        if (s->run->sock >= 0 && !s->has_exited)
                sync_send(s->run->sock, SYNC_SIGNAL, number, NULL, 0, &unused);
}

void supervisor_kill_box(struct supervisor *s)
{
        s->is_ending = s->is_killed = true;
        if (cgroup_kill(&s->run->cgroup))
                return;
        /* fails only when it is dead already */
        syscall(SYS_pidfd_send_signal, s->run->init.pidfd, SIGKILL, NULL, 0);
}

int supervisor_arm(int timer, uint64_t ns, struct err *e)
{
        struct itimerspec when = { .it_value = { .tv_sec = (time_t)(ns / NS_IN_S),
                                                 .tv_nsec = (long)(ns % NS_IN_S) } };

        if (timerfd_settime(timer, 0, &when, NULL) < 0)
                return err_sys(e, "cannot set the timer");
        return 0;
}

bool supervisor_is_over(const struct supervisor *s)
{
        return s->has_exited || s->is_gone;
}

static void ask_to_end(struct supervisor *s)
{
        s->is_ending = true;
        supervisor_send_signal(s, s->plan->exec.stop_signal);
        supervisor_send_signal(s, SIGCONT);
}

/* SIGKILL; and once that is done, what nobody takes of its output is given up. */
static void end_now(struct supervisor *s)
{
        if (supervisor_is_over(s))
                supervisor_give_up_output(s, SIGTERM);
        else
                supervisor_kill_box(s);
}

int supervisor_on_timer(struct supervisor *s, struct err *e)
{
        uint64_t expirations;

        if (read(s->timer, &expirations, sizeof(expirations)) < 0)
                return 0;
        /* it was in time, whoever reads its output */
        if (!s->is_timed_out && supervisor_is_over(s))
                return 0;
        if (s->is_timed_out)
                end_now(s);
        else
                ask_to_end(s);
        s->is_timed_out = true;
        return supervisor_arm(s->timer, SUPERVISE_GRACE_NS, e);
}

int supervisor_on_stop_timer(struct supervisor *s, struct err *e)
{
        uint64_t expirations;

        if (read(s->stop_timer, &expirations, sizeof(expirations)) < 0)
                return 0;
        end_now(s);
        return supervisor_arm(s->stop_timer, SUPERVISE_GRACE_NS, e);
}

void supervisor_on_term(struct supervisor *s)
{
        uint64_t now = io_now();

        if (s->first_term && now - s->first_term >= SUPERVISE_GRACE_NS) {
                supervisor_kill_box(s);
                return;
        }
        if (!s->first_term)
                s->first_term = now;
        supervisor_send_signal(s, s->plan->exec.stop_signal);
}

int supervisor_stop(struct supervisor *s, int seconds, struct err *e)
{
        if (seconds < 0 || seconds > SUPERVISE_MAX_STOP_S)
                return err_set(e, EINVAL, "nobody waits %d seconds for an end", seconds);
        /* needs no timer */
        if (seconds == 0)
                end_now(s);
        if (s->stop_timer < 0)
                s->stop_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (s->stop_timer < 0)
                return err_sys(e, "cannot make a timer");
        if (supervisor_arm(s->stop_timer,
                           seconds ? (uint64_t)seconds * NS_IN_S : SUPERVISE_GRACE_NS, e) < 0)
                return -e->code;
        if (seconds)
                ask_to_end(s);
        return 0;
}

int supervisor_on_sample(struct supervisor *s, struct err *e)
{
        enum sample_verdict verdict;

        if (sampler_look(&s->sampler, &verdict, e) < 0)
                return -e->code;
        /* what it was ended for first, it was ended for */
        if (verdict == SAMPLE_WITHIN || s->has_exited || s->is_timed_out)
                return 0;
        s->limit = verdict;
        supervisor_kill_box(s);
        return 0;
}
