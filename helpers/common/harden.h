#ifndef KELP_COMMON_HARDEN_H
#define KELP_COMMON_HARDEN_H

#include "err.h"

/*
 * What every helper that reads what strangers send gives up: it gains no rights by what it executes,
 * no process of its user looks into it, and what it knows is in no core file.  Nothing is undone on
 * failure.
 */
int harden_process(struct err *e);

#endif
