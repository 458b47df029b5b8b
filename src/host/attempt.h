#ifndef KELP_HOST_ATTEMPT_H
#define KELP_HOST_ATTEMPT_H

#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Whether the kernel does something is found by doing it, in a child that is thrown away: nothing
 * of it stays, and a child that hangs is killed.  A child may first move into a user namespace of
 * its own, whose maps this process writes from outside, as a launch does it.
 *
 * The failure comes back as the child's own struct err, with `step` set to the enum host_topic of
 * what failed.
 */

#define HOST_NOTE_SIZE 256

struct host_attempt {
        /* runs in the child; NULL: the namespace and its maps are all; `note` goes to the caller */
        int (*run)(void *data, char *note, struct err *e);
        void *data;
        bool in_userns;
        /* writes the maps of `pid` instead of the one that makes the caller root inside */
        int (*map)(const struct host_view *v, pid_t pid, void *data, struct err *e);
};

/* `ret_note` holds HOST_NOTE_SIZE bytes, or is NULL. */
int host_attempt(const struct host_view *v, const struct host_attempt *attempt, char *ret_note,
                 struct err *e);

/* In a child of host_attempt(): runs `run` in a child of that one, and gives its result. */
int host_attempt_fork(int (*run)(void *data, struct err *e), void *data, struct err *e);

/* Marks `e` with a topic and returns its code: "return host_failed(e, TOPIC, err_sys(...))". */
int host_failed(struct err *e, int topic, int code);

/*
 * Runs a program that answers at once (--version, newuidmap) and keeps the first `size` - 1 bytes
 * of what it says on stdout and stderr.  *ret_code as of proc_exit_code().
 */
int host_run_program(const char *const *argv, char *ret_text, size_t size, int *ret_code,
                     struct err *e);

#endif
