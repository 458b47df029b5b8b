#ifndef KELP_CLI_ASKED_PLAN_H
#define KELP_CLI_ASKED_PLAN_H

#include "assemble.h"
#include "image-hold.h"
#include "policy.h"
#include "tree.h"

/*
 * The plan of a run that nobody starts: made of the same options, in the same directory and by the
 * same code, so that what is told of it is what a run would do.
 */
struct asked_plan {
        struct arena arena;
        struct option_list options;
        const char *image_name;   /* of `why`; NULL: a view of this host */
        const char *const *words; /* behind the options */
        size_t n_words;
        struct plan_facts facts;
        bool has_facts;
        bool skips_project; /* the project's own policy is no part of the question */
        struct policy_set policies;
        struct policy_words said; /* what each line of the policies says */
        struct plan plan;
        bool fakes_root;
        struct tree tree;
        struct image_hold hold;
};

#define ASKED_PLAN_NONE                                                                            \
        {                                                                                          \
                .hold = IMAGE_HOLD_NONE                                                            \
        }

/*
 * Parses `argv`: options of a run and --image NAME, then words.  Wrong ones are told on stderr.
 * Returns 0, or the exit status.
 */
int asked_plan_parse(struct asked_plan *a, int argc, char **argv);

/* Makes the plan, and its tree.  What is wrong is told on stderr.  Return 0, or the exit status. */
int asked_plan_make(struct asked_plan *a);
int asked_plan_build(struct asked_plan *a);

/* As if --policy had been given. */
int asked_plan_add_policy(struct asked_plan *a, const char *value, struct err *e);

/*
 * Makes a plan of the policies alone, for a view of this host or for an image that nobody has named,
 * in place of an earlier one.  Returns 0, or -EINVAL with what is wrong in `problems`.
 */
int asked_plan_read(struct asked_plan *a, bool is_image, struct plan_problems *problems);

/*
 * The same for the kind of root that the policies are for; where they are wrong for both, a view of
 * this host.
 */
int asked_plan_read_any(struct asked_plan *a, struct plan_problems *problems);

void asked_plan_done(struct asked_plan *a);

#endif
