#ifndef KELP_PLAN_POLICY_H
#define KELP_PLAN_POLICY_H

#include "apply.h"
#include "layers.h"

/*
 * Policies are INI text, one idea a line:
 *
 *      # a comment has a line of its own
 *      [files]
 *      readable = ~/.cargo/bin -~/.nvm "/opt/my tools"
 *
 * A key of a list may come several times and takes one value or several separated by blanks; a
 * path that begins with '-' applies only if it exists.  What is not understood is an error with
 * its line: a typo never loosens.
 */

/* The text of a built-in policy, or NULL. */
const char *policy_builtin(const char *name);

/* The names of the built-in policies, NULL-terminated. */
extern const char *const policy_builtin_names[];

/*
 * The words behind `extends` in a text, and its line; none when there is no such line.  Everything
 * else is judged when the text is applied.
 */
int policy_extends(struct arena *arena, const struct policy_text *text, char ***ret_words,
                   size_t *ret_n, size_t *ret_line, struct err *e);

/* Applies a text.  Each wrong line is a problem of its own; the rest is read on. */
void policy_apply(struct assembly *a, const struct policy_text *text,
                  struct plan_problems *problems);

/*
 * One word of one line, for those who show what a policy says.  With what became of it: a later
 * line may have taken its place.
 */
struct policy_word {
        const char *section;
        const char *key;
        const char *value;      /* as it was written, without quotes; with the '-' of a path */
        const char *origin;     /* FILE:LINE */
        const char *overridden; /* where that comes from which took its place; NULL: in force */
        size_t first_rule;      /* the file rules that it made */
        size_t n_rules;
        enum policy_layer layer;
        bool is_single;  /* of a key with one value */
        bool is_quoted;  /* it stood in quotes: neither a pattern nor a variable */
        bool is_skipped; /* a "-PATH" below a home that is not known, a description */
};

struct policy_words {
        struct policy_word *items; /* in the order in which they were applied */
        size_t n;
};

#define POLICY_MAX_WORDS 200000

/* Marks what was overridden, when all of the plan is there.  Takes quadratic time. */
void policy_mark_overridden(const struct plan *p, struct policy_words *words);

#endif
