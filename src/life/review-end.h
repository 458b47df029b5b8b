#ifndef KELP_LIFE_REVIEW_END_H
#define KELP_LIFE_REVIEW_END_H

#include "review.h"

/*
 * When a run with --review has ended, or never began: tells what it has written; a review of nothing
 * is removed.  What fails is told, and is none of the run's end.  Then others may have it; of one whose
 * lock is gone nothing is done.  `is_logged`: in the background, where a log of limited size is told.
 */
void review_end(struct review *r, bool is_logged);

#endif
