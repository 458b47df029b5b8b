#ifndef KELP_LIFE_IMAGE_HELPER_H
#define KELP_LIFE_IMAGE_HELPER_H

#include "err.h"

/*
 * How kelp-image ended, by its wait status, and what it said last on its standard error, the file
 * `said`.  0: all is well.  Where ids do not do, and one id would, e->step is STEP_ID_MAPS.
 */
int image_helper_judge(int said, int status, struct err *e);

#endif
