#ifndef KELP_CLI_BOX_TARGETS_H
#define KELP_CLI_BOX_TARGETS_H

#include "box-words.h"
#include "control.h"
#include "state.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The sandboxes that a command is about.  All that were named are looked up before the first of them
 * is touched, and all are asked before the first answer is waited for.
 */

struct box_target {
        const char *word; /* as it was given */
        struct box_status status;
        int sock; /* to its supervisor; -1: none, or none any more */
        bool is_kept;
        bool is_known; /* to the state directory */
};

struct box_targets {
        struct state state;
        struct box_target *items;
        size_t n;
        size_t room;
};

/* One more; a status without an id: the state directory does not know it. */
int box_targets_add(struct box_targets *t, const char *word, const struct box_status *status,
                    struct err *e);

/* For box_targets_find(): takes those that run. */
int box_targets_add_running(void *arg, const struct box_status *status, struct err *e);

/* Opens the state directory and finds those that were named, or with --all those that each() adds. */
int box_targets_find(struct box_targets *t, const struct box_words *w, const char *command,
                     state_each_fn *each, struct err *e);

/* What it is called in an answer. */
const char *box_target_name(const struct box_target *t);

/* Sends one request to its supervisor, if it has one. */
int box_target_ask(const struct state *s, struct box_target *t, enum control_type type, int value,
                   struct err *e);

/* Waits for the end that it was asked for; *ret: the exit status, -1: nobody knows. */
int box_target_await_end(const struct state *s, struct box_target *t, int *ret, struct err *e);

/*
 * The same, however it ended; one that went with its end has done so, too.  To be killed after so
 * many seconds, which is -ETIMEDOUT long after that.
 */
int box_target_await_gone(const struct state *s, struct box_target *t, int seconds, struct err *e);

/* Returns 0, an exit status, or a negative errno. */
typedef int box_targets_fn(struct box_targets *t, const struct box_words *w, struct err *e);

/* From the words of a command to its exit status. */
int box_targets_run(box_targets_fn *fn, struct box_option *options, const char *usage, int argc,
                    char **argv);

#endif
