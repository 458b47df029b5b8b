#ifndef KELP_LIFE_LEARN_H
#define KELP_LIFE_LEARN_H

#include "err.h"
#include "mem.h"
#include "observe-event.h"
#include "plan.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * From what a command was seen to do to a policy under which it can do that again.
 *
 * The policy extends a built-in one, and has a line for what that does not give: a directory where
 * several files of it were used, a file where it was one, a host with its port.  Each line has its
 * reason above it.  What is a secret is told of in a comment and never granted; so is what was
 * refused already while the command was being watched.
 *
 * All of this is text in, text out: the host is asked through learn_context.look alone.
 */

enum learn_object { LEARN_NOTHING, LEARN_FILE, LEARN_DIRECTORY };

/* Returns 1: look into it, if it is a directory; 0: do not; or a negative errno. */
typedef int learn_walk_fn(const char *path, bool is_directory, void *arg, struct err *e);

struct learn_context {
        /* what the built-in policy gives; its hidden paths are secrets wherever they are shown */
        const struct plan *base;
        const char *base_name;
        const char *command; /* as it was typed, for the description */
        const char *options; /* names of options that a later run needs as well; "" for none */
        /*
         * What the host has at a clean path, where what the command made is not there; and in *ret_real,
         * in `a`, the path without symlinks, or NULL.  LEARN_NOTHING with `e` set on failure.
         */
        enum learn_object (*look)(const char *path, struct arena *a, const char **ret_real,
                                  void *arg, struct err *e);
        /*
         * Calls `each` with the path of whatever lies in a directory of the host, at any depth, behind
         * no symlink.  A directory that is not there is empty.  -E2BIG: it is too much to look at.
         */
        int (*walk)(const char *dir, learn_walk_fn *each, void *each_arg, void *arg, struct err *e);
        void *arg;
};

/* One thing that was asked for, by whom and how often. */
struct learn_use {
        enum observe_kind kind;
        char access;
        bool is_refused;
        uint16_t port;
        uint64_t count;
        const char *comm;
        const char *name;
};

enum learn_key {
        LEARN_READABLE,
        LEARN_WRITABLE,
        LEARN_HIDDEN,
        LEARN_PROTECTED,
        LEARN_ALLOW,
        LEARN_DENY,
        LEARN_HOST_PORT,
        LEARN_DENY_CALLS,
        LEARN_KEY_COUNT,
};

/* A line of the policy. */
struct learn_line {
        enum learn_key key;
        bool if_exists;
        const char *value;  /* a clean path, HOST:PORT or @group */
        const char *reason; /* safe to print, one line, without the '#' */
};

struct learn {
        struct arena arena;
        struct learn_use *uses;
        size_t n_uses;
        struct learn_line *lines; /* sorted by key and value */
        size_t n_lines;
        const char **secrets; /* sorted; safe to print: what was left out, and who asked for it */
        size_t n_secrets;
        const char **refused; /* the same, of what the sandbox did not give */
        size_t n_refused;
        bool has_seen_calls; /* a call was an event: those that were none were not made */
        bool is_settled;
};

#define LEARN_MAX_USES  20000
#define LEARN_MAX_LINES 4000
#define LEARN_MAX_NOTES 200

void learn_done(struct learn *l);

/* Takes a copy of what matters in an event. */
int learn_add(struct learn *l, const struct observe_event *event, struct err *e);

/*
 * What options of the watched run `p` said that a later one needs as well, or is to be held to: what
 * is hidden, hosts that are refused, addresses that names may lead to, ports of this host.
 */
int learn_carry(struct learn *l, const struct plan *p, struct err *e);

/* Works out lines, secrets and refused, from all that was added. */
int learn_settle(struct learn *l, const struct learn_context *c, struct err *e);

/* The whole policy as text, in the arena; NULL with `e` set on failure. */
const char *learn_print(struct learn *l, const struct learn_context *c, struct err *e);

/*
 * The text of an existing policy, named `name` in errors, with what it lacks of the lines: every
 * line and comment of it stays.  *ret_added counts the new lines; what stands in the way of the
 * command in that text goes to *ret_note, or NULL.
 */
const char *learn_merge(struct learn *l, const struct learn_context *c, const char *name,
                        const char *text, size_t *ret_added, const char **ret_note, struct err *e);

#endif
