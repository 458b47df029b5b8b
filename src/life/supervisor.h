#ifndef KELP_LIFE_SUPERVISOR_H
#define KELP_LIFE_SUPERVISOR_H

#include "enter.h"
#include "own-box.h"
#include "relay.h"
#include "sampler.h"
#include "supervise.h"
#include "sync.h"
#include "terminal.h"

#include <stdint.h>

/* The state of supervise_run(), shared by its parts. */
struct supervisor {
        const struct launch *launch;
        const struct plan *plan;
        const struct limit_tiers *tiers;
        struct run *run;
        struct own_box *box;
        struct serve *serve;       /* of the box; NULL: nobody can ask */
        struct enter_list entered; /* by kelp exec */
        struct terminal term;
        struct relay *relay; /* NULL: the payload has no terminal of its own */
        int signals;         /* signalfd */
        int timer;           /* timerfd; -1: no time limit */
        int stop_timer;      /* of `kelp stop`; -1: nobody has asked */
        struct sampler sampler;
        enum sample_verdict limit; /* that ended it, by us */
        uint64_t first_term;       /* when the first SIGTERM came, as of io_now(); 0: none did */
        bool has_front;            /* the payload is in the foreground of its terminal */
        bool is_baited;   /* its terminal looks as if there were something to read: see job.c */
        bool has_settled; /* nothing was to do for a while */
        bool is_stopped;  /* the payload is, until pid 1 says otherwise */
        bool has_exited;
        bool is_ending; /* it was asked to, and will be killed */
        bool is_killed; /* pid 1, by us */
        bool is_gone;   /* pid 1 is, and with it every process of the sandbox */
        bool is_timed_out;
        bool is_copied; /* all the payload's output is with the user, or given up */
        int wait_status;
};

/* To the payload's process group. */
void supervisor_send_signal(struct supervisor *s, int number);
/* SIGKILL to all, and what has entered. */
void supervisor_kill_box(struct supervisor *s);
/* The command has ended, and with it all, but for what of its output nobody has taken. */
bool supervisor_is_over(const struct supervisor *s);
/*
 * The stop signal, and SIGKILL after so many seconds; 0: at once.  Output that nobody takes by then,
 * or SUPERVISE_GRACE_NS after the kill, is given up.
 */
int supervisor_stop(struct supervisor *s, int seconds, struct err *e);
void supervisor_on_term(struct supervisor *s);
int supervisor_on_timer(struct supervisor *s, struct err *e);
int supervisor_on_stop_timer(struct supervisor *s, struct err *e);
int supervisor_on_sample(struct supervisor *s, struct err *e);
int supervisor_arm(int timer, uint64_t ns, struct err *e);

/*
 * The payload's streams (supervise-streams.c): the relay between its terminal and the user; then
 * those that are the payload's alone are dropped: were they open here too, the other end of a pipe
 * would not see the payload close it.
 */
int supervisor_make_relay(struct supervisor *s, struct err *e);
int supervisor_drop_streams(const struct supervisor *s, struct err *e);

/* One step of the payload's output; and as many as a turn has time for. */
enum relay_result supervisor_copy_chunk(struct supervisor *s);
void supervisor_copy_output(struct supervisor *s);

/* One step of the user's input. */
void supervisor_copy_input(struct supervisor *s);

/* Only the output is left: it is worth waiting for, but not against the user's will. */
void supervisor_give_up_output(struct supervisor *s, int number);

/* The payload's terminal is no more: its reads end, its writes fail. */
void supervisor_hang_up(struct supervisor *s);

/*
 * Job control (job.c): at the start, when the payload has stopped by the signal `number`, and when
 * we were continued.
 */
int job_start(struct supervisor *s, struct err *e);
int job_stopped(struct supervisor *s, int number, struct err *e);
int job_continued(struct supervisor *s, struct err *e);

/* Before output is copied: the payload may have changed to drawing a screen, or back. */
int job_follow_modes(struct supervisor *s, struct err *e);

#endif
