#ifndef KELP_OCI_KIN_H
#define KELP_OCI_KIN_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * All processes that /proc shows, and who descends from whom: what is done where nothing better tells
 * which processes belong together.  A process is named by its pid and start time, so that nobody else is
 * met who has the pid later.
 */
struct kin_process {
        pid_t pid;
        pid_t parent;
        pid_t session;
        uint64_t start_time;
        bool is_member;
};

struct kin {
        struct kin_process *items;
        size_t n;
        size_t room;
};

void kin_done(struct kin *k);

#define autokin __attribute__((cleanup(kin_done))) struct kin

/* *ret, which must be zeroed, gets all, as members of nothing. */
int kin_read(struct kin *ret, struct err *e);

/* Makes members of those whose parent is one, and of theirs; and drops all others. */
void kin_choose(struct kin *k);

/* Sends `signal` to each that is still there. */
int kin_signal(const struct kin *k, int signal, struct err *e);

/*
 * Whether pids of /proc are those of this process: below a root of its own it may be that of another pid
 * namespace, or missing.
 */
bool kin_can_see(void);

#endif
