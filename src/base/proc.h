#ifndef KELP_BASE_PROC_H
#define KELP_BASE_PROC_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Helper processes of the launcher: started with a fixed environment and nothing inherited but
 * what is named here, waited for by pidfd, killed and reaped when their owner's scope ends.
 */

struct child {
        pid_t pid; /* 0: none */
        int pidfd; /* -1: none */
};

#define CHILD_NONE                                                                                 \
        {                                                                                          \
                .pid = 0, .pidfd = -1                                                              \
        }

/* Kills and reaps the child if there is one; keeps errno. */
void proc_kill_child(struct child *child);

#define autochild __attribute__((cleanup(proc_kill_child))) struct child

struct proc_spec {
        const char *path;        /* the program, absolute: no PATH is searched */
        const char *const *argv; /* NULL-terminated */
        const char *const *env;  /* NULL-terminated, or NULL: PATH of the system and nothing else */
        int stdin_fd;            /* borrowed; -1: /dev/null */
        int stdout_fd;           /* borrowed; -1: /dev/null */
        int stderr_fd;           /* borrowed; -1: inherited */
        const int *keep;         /* other descriptors that it gets, under their own numbers */
        size_t n_keep;
        bool die_with_parent; /* SIGKILL when the calling process ends */
        /* runs in the child right before it becomes the program; its error is that of the start */
        int (*prepare)(void *arg, struct err *e);
        void *prepare_arg;
};

/*
 * Starts a helper.  A program that cannot be executed is reported here, by its errno.
 * The child has default signals, an empty mask, and only the descriptors of the spec.
 */
int proc_start(const struct proc_spec *spec, struct child *ret_child, struct err *e);

/*
 * The same for two that take so little time themselves that a copy of our memory for each would be a
 * part of it: a tenth of a launch with subordinate ids.  Until they are executed they have our own, so
 * `prepare` may not write to any of it.
 */
int proc_start_pair(const struct proc_spec specs[2], struct child ret_children[2], struct err *e);

/*
 * Forks, and leaves each side its own end of a SEQPACKET socket in *ret_sock: the pid of the child
 * in the parent, 0 in the child.
 */
pid_t proc_fork_linked(int *ret_sock, struct err *e);

/* Waits for the end of the child and reaps it; *ret_status as of waitpid(2). */
int proc_wait(struct child *child, int *ret_status, struct err *e);

/* The exit status of a shell for a wait status: the code, or 128 + the signal. */
int proc_exit_code(int wait_status);

/* pidfd_open(2); errors as there. */
int proc_pidfd(pid_t pid, struct err *e);

/*
 * The state of a process ('R', 'T', ...) and what proc_start_time() says of it, likewise.
 * Source: proc_pid_stat(5), fields 3 and 22.
 */
int proc_stat(pid_t pid, char *ret_state, uint64_t *ret_start);

/*
 * When the process was started, in clock ticks since boot: with the pid it names a process for good.
 * 0, or a negative errno without an error text.  Source: proc_pid_stat(5), field 22.
 */
int proc_start_time(pid_t pid, uint64_t *ret);

/* The most that /proc/PID/status has: in it stand all groups of a process, which may be 65536. */
#define PROC_STATUS_MAX ((size_t)1 << 20)

struct proc_place {
        char name[16];      /* as of /proc/PID/comm */
        size_t depth;       /* 1: its pid namespace is the one of /proc, 2: it is one right below */
        uint64_t inner_pid; /* in its own */
};

/*
 * Where a process stands, as the kernel says it.  0, or a negative errno without an error text.
 * Source: proc_pid_status(5), Name and NSpid.
 */
int proc_find_place(pid_t pid, struct proc_place *ret);

/*
 * Zeroes the arguments and the environment that this process was started with, where the kernel
 * shows them to whoever may ask for /proc/PID/cmdline, and has the process called `name` there and
 * in /proc/PID/comm (which takes 15 bytes).  Nothing may point into them any more.
 */
void proc_wipe_arguments(const char *name);

/* Default dispositions for every signal and an empty mask. */
int proc_reset_signals(struct err *e);

/* Ends this process by a signal that does so by default, blocked or not, ignored or not. */
void proc_die_by(int number);

/*
 * Dies by SIGKILL when the parent ends.  `parent_pidfd` was opened by the parent itself: if it is
 * readable the parent was gone before the request, and this process exits at once.  The request is
 * forgotten by the kernel when credentials change: call it after that.
 */
int proc_die_with(int parent_pidfd, struct err *e);

#endif
