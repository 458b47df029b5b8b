#ifndef KELP_LIFE_OBSERVE_VIEW_H
#define KELP_LIFE_OBSERVE_VIEW_H

#include "err.h"
#include "observe-cwd.h"
#include "observe-event.h"
#include "observe-fine.h"
#include "plan.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What will become of a call with a path, said before the kernel says it: looked up in the sandbox's
 * own root, by names and descriptors without content (O_PATH), so nothing is opened, read or waited
 * for, and then on the host as its user.  What fails on the host, too, is no refusal of the sandbox.
 *
 * A mistake here is a line too many or too few at the end, and nothing else.
 */

struct observe_view {
        const struct plan *plan;
        const struct tree *tree;
        int root;      /* of the sandbox; -1: no program of it was seen yet */
        bool is_fixed; /* no process of it can have another root, or other mounts */
        bool keeps_allowed;
        char mounts[64]; /* the name of its mount namespace */
        struct observe_cwds cwds;
        struct observe_fine fine; /* what was looked at and is not refused */
};

struct observe_want {
        enum observe_kind kind;
        char access;    /* 'r', 'w', 'x' */
        bool no_follow; /* the last component, too */
        bool may_make;  /* as by O_CREAT */
        bool looks;     /* opens nothing: to be let do it is no event */
};

/* `plan`, `tree` and `keeps_allowed` are the caller's to fill before. */
void observe_view_init(struct observe_view *v);

/*
 * Learns the root of the sandbox from a process of it; false: that one cannot be looked at yet.  A pid
 * may have become somebody else's: whoever finds that out afterwards has it forgotten.
 */
bool observe_view_find_root(struct observe_view *v, pid_t pid);
void observe_view_forget_root(struct observe_view *v);

/*
 * Whether `path`, which process `pid` names from directory `dir` (or AT_FDCWD), is an event; fills it
 * but for `comm` and `count`.
 */
bool observe_view_look(struct observe_view *v, pid_t pid, int dir, const char *path,
                       const struct observe_want *want, struct observe_event *ret);

/* The same for the path of a unix socket that is connected to. */
bool observe_view_look_socket(struct observe_view *v, pid_t pid, const char *path,
                              struct observe_event *ret);

#endif
