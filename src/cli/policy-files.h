#ifndef KELP_CLI_POLICY_FILES_H
#define KELP_CLI_POLICY_FILES_H

#include "layers.h"
#include "plan.h"

/*
 * The files that policies are read from: /etc/kelp/NAME.policy, those of the user's own directory
 * ($XDG_CONFIG_HOME/kelp or ~/.config/kelp), those named by a path, and the project's, `.kelp.policy`.
 *
 * Who can write a policy can loosen the next run.  So a file, and the directory of a layer, belongs
 * to the user or to root and can be written by nobody else; else it is an error, never ignored.
 *
 * The project's file can only tighten, so whoever writes it is not asked.  It is read in the current
 * directory and in those above it, as long as they belong to the user: a program that is confined to
 * a subdirectory can take none of them away, and adding one makes its next run tighter.
 */

struct policy_files {
        struct arena *arena;
        const struct plan_facts *facts;
        const char *user_dir; /* NULL: no home is known */
};

#define POLICY_FILES_SYSTEM  "/etc/kelp"
#define POLICY_FILES_PROJECT PLAN_PROJECT_POLICY

/* Memory of all that is found comes from `arena`, which must live as long as the plan. */
int policy_files_start(struct policy_files *ret, struct arena *arena,
                       const struct plan_facts *facts, struct err *e);

/* All texts of a run with these options.  What is wrong is in `problems`; the result is 0 or -EINVAL. */
int policy_files_collect(struct policy_files *f, const struct option_list *options, bool is_image,
                         struct policy_set *ret, struct plan_problems *problems);

/*
 * The names of the policies that have a file in a layer, without ".policy", NULL-terminated: what
 * is no name of a policy is left out.
 */
int policy_files_list(struct policy_files *f, enum policy_layer layer, const char ***ret,
                      struct err *e);

#endif
