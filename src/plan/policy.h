#ifndef KELP_PLAN_POLICY_H
#define KELP_PLAN_POLICY_H

#include "apply.h"

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
 * The policy that a file's text extends; `fallback` when it does not say.  *ret points to the name
 * of a built-in policy.
 */
int policy_base(const char *text, const char *name, const char *fallback, const char **ret,
                struct err *e);

/*
 * Applies a text.  Each wrong line is a problem of its own; the rest is read on.  A built-in text
 * may have a [syscalls] section, which is compiled elsewhere.
 */
int policy_apply(struct assembly *a, const char *text, const char *name, bool is_builtin,
                 struct plan_problems *problems);

#endif
