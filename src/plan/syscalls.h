#ifndef KELP_PLAN_SYSCALLS_H
#define KELP_PLAN_SYSCALLS_H

#include "call-program.h"
#include "call-table.h"
#include "plan.h"

#include <stdio.h>

/*
 * What a plan says of system calls: the [syscalls] of the built-in policy that it starts from, those of
 * the user's own files, and what options add (--allow-userns, --fake-root).
 *
 * A plan without words of its own runs under a filter that was compiled with kelp.  One with some gets
 * its filter made here, each time it runs, by the same evaluator and compiler.
 *
 * Why there is no cache of such filters.  The compiler takes about 20 microseconds, a hundredth of a
 * launch: about what it takes to find, open, judge and read a file.  It is slow with libseccomp, which
 * ours is not.  And a cache is a file that says what a later run may do.  It would have to be out of
 * reach of every sandbox that was ever started, though they run as the same user, whatever they were
 * given to write to and wherever XDG_CACHE_HOME points later; and whoever could write there would
 * choose the filter of the next run.  What is not stored cannot be forged, and a run needs no room
 * on a disk.
 *
 * What a user's own policy can never do: undo the rules of call-rules.h (terminal injection, socket
 * families, namespaces of clone), reach another architecture's calls, or allow what syscalls.groups
 * has as `never`.
 */

struct syscalls {
        struct call_table table;         /* of all files and --allow-userns, not finished */
        bool was_passed[CALL_TABLE_MAX]; /* what the built-in policy lets through */
};

/*
 * Judges the words of the plan: names, what may be allowed at all, what has no effect.  All that is
 * wrong goes to `problems`.  What they come to is kept in the plan, for those below.
 */
void syscalls_judge(struct plan *p, struct plan_problems *problems);

/*
 * The finished table of the plan, in `arena`; `fakes_root` as of plan_fakes_root().  Without
 * `with_own` it is what the built-in policy would say by itself.
 */
int syscalls_table(const struct plan *p, bool with_own, bool fakes_root, struct arena *arena,
                   struct call_table **ret, struct err *e);

/* The filter of the plan.  *ret belongs to the caller (free). */
int syscalls_compile(const struct plan *p, bool fakes_root, struct call_program **ret,
                     struct err *e);

/*
 * Calls `tell` for each line by which a judged plan allows calls that the built-in policy refuses: a
 * weakening, which is to be said.  `words` are those of the line that do, joined by blanks.
 */
void syscalls_tell_weaker(const struct plan *p,
                          void (*tell)(void *user, const char *origin, const char *words),
                          void *user);

/* What --dry-run says: each call that the plan answers in another way than the built-in policy. */
int syscalls_dump(FILE *out, const struct plan *p, bool fakes_root, struct err *e);

/* --- why: what one call is answered, and by which line --- */

/* The origin of what --allow-userns allows. */
#define SYSCALLS_BY_NESTING "--allow-userns"

#define SYSCALLS_MAX_ROWS 64

struct syscalls_row {
        const char *text;   /* "ioctl(1=TIOCSTI)", or kelp's own rule in words: "family AF_UNIX" */
        const char *origin; /* NULL: kelp's own rule, which no policy changes */
        uint32_t action;    /* SECCOMP_RET_*; call_action_name() has its word */
};

struct syscalls_answer {
        const char *name; /* NULL: it has none */
        int number;       /* -1: another architecture's, which is not here to be called */
        uint32_t action;  /* where no row decides; call_table_is_passed(): allowed */
        const char
                *origin;  /* "sandbox.policy:64", "./my.policy:7", "--allow-userns"; of the default
                             * where nothing names the call */
        const char *word; /* of that line: "@mount", "ptrace"; NULL: the default */
        bool is_never;    /* no policy of a user's own can allow it */
        bool is_refused_by_builtin; /* the built-in policy alone would refuse it */
        /* by arguments, tried in this order, the first that holds decides */
        struct syscalls_row rows[SYSCALLS_MAX_ROWS];
        size_t n_rows;
};

/*
 * Asks about `call`, a name or a number.  Texts live as long as `arena`.  Errors: ENOENT for an
 * unknown name, with the nearest as hint.
 */
int syscalls_ask(const struct plan *p, bool fakes_root, const char *call, struct arena *arena,
                 struct syscalls_answer *ret, struct err *e);

#endif
