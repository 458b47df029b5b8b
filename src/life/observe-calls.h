#ifndef KELP_LIFE_OBSERVE_CALLS_H
#define KELP_LIFE_OBSERVE_CALLS_H

#include "plan.h"

#include <stdbool.h>
#include <stddef.h>

/* The calls that an observer is asked about though the policy may let them pass. */

enum observe_act {
        OBSERVE_ACT_OPEN,
        OBSERVE_ACT_OPEN_HOW, /* openat2: the flags lie in memory */
        OBSERVE_ACT_CREAT,
        OBSERVE_ACT_MAKE, /* a name that must not be there: mkdir, mknod, symlink, link */
        OBSERVE_ACT_REMOVE,
        OBSERVE_ACT_LOOK,       /* stat, access: what is not there is not asked for again */
        OBSERVE_ACT_LOOK_FLAGS, /* the same, but not of a descriptor (AT_EMPTY_PATH) */
        OBSERVE_ACT_MOVE,       /* chdir, fchdir: the current directory is another from then on */
        OBSERVE_ACT_RENAME,
        OBSERVE_ACT_CHANGE, /* mode, owner, times */
        OBSERVE_ACT_TRUNCATE,
        OBSERVE_ACT_EXECUTE,
        OBSERVE_ACT_CONNECT,
        OBSERVE_ACT_BIND,
        OBSERVE_ACT_SEND,      /* sendto */
        OBSERVE_ACT_SEND_MANY, /* sendmmsg */
        OBSERVE_ACT_NONE,      /* of no interest but for its name */
};

/* Which argument is what; -1: there is none, and for `dir`: the current directory. */
struct observe_call {
        int nr;
        enum observe_act act;
        signed char dir;
        signed char path;
        signed char flags;
        signed char dir2; /* of rename: the new name */
        signed char path2;
};

/* The row of call `nr`, or NULL. */
const struct observe_call *observe_call_find(int nr);

/* Whether call `nr` is to be asked about in a run with that network. */
bool observe_call_is_asked(const struct observe_call *call, enum plan_network mode);

extern const struct observe_call observe_calls[];
extern const size_t observe_n_calls;

#endif
