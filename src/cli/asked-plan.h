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
        struct option_list options;
        const char *image_name;   /* NULL: a view of this host */
        const char *const *words; /* behind the options */
        size_t n_words;
        struct plan_facts facts;
        bool wants_words; /* what each line says is kept, for those who show it */
        struct policy_set policies;
        struct policy_words words_of_policies;
        struct plan plan;
        bool fakes_root;
        struct tree tree;
        struct image_hold hold;
};

/*
 * Parses `argv`: options of a run and --image NAME, then words.  Wrong ones are told on stderr.
 * Returns 0, or the exit status.
 */
int asked_plan_parse(struct asked_plan *a, int argc, char **argv);

/* Makes the plan, and its tree.  What is wrong is told on stderr.  Return 0, or the exit status. */
int asked_plan_make(struct asked_plan *a);
int asked_plan_build(struct asked_plan *a);

/* All of what is wrong, on stderr.  Returns the exit status. */
int asked_plan_tell(const struct plan_problems *problems);

void asked_plan_done(struct asked_plan *a);

#endif
