#ifndef KELP_LIFE_REVIEW_END_H
#define KELP_LIFE_REVIEW_END_H

#include "review.h"

/*
 * When a run with --review has ended, or never began: tells what it has written; a review of nothing is
 * removed.  What fails is told, and is none of the run's end.
 */
void review_end(const char *root, struct review *r);

#endif
