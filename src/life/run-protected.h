#ifndef KELP_LIFE_RUN_PROTECTED_H
#define KELP_LIFE_RUN_PROTECTED_H

#include "tree.h"

/*
 * Says, when the run has ended, which files that somebody outside will run or obey are new or were
 * changed.
 */
void run_tell_protected(const struct tree *t);

#endif
