#ifndef KELP_OCI_FIRST_H
#define KELP_OCI_FIRST_H

#include "stage.h"

/*
 * The container's first process, which becomes its command: builds the root and enters it, becomes nearly
 * the command, waits for `start`.  Until the launcher lets go of it, it dies with it.
 */
_Noreturn void first_main(struct launch *l, int from_stage);

#endif
