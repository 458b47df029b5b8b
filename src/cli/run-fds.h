#ifndef KELP_CLI_RUN_FDS_H
#define KELP_CLI_RUN_FDS_H

#include "option.h"
#include "plan.h"

/* The descriptors that the options of a run name: what they are, as they were passed to kelp. */

/*
 * Where to write why there is no run, before there is a plan: the one of --status-fd; -1: none, or
 * not usable, which is judged with the rest of the plan.
 */
int run_fds_early_status(const struct option_list *options);

/* The same of words that are not understood: whoever reads the status waits for the reason, too. */
int run_fds_guess_status(int argc, char **argv);

/* Adds what is wrong with those of the plan. */
void run_fds_check(const struct plan *p, struct plan_problems *problems);

#endif
