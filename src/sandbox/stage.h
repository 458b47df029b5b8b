#ifndef KELP_SANDBOX_STAGE_H
#define KELP_SANDBOX_STAGE_H

#include "launch.h"

/*
 * The process between the user namespace and pid 1.  Waits for its maps, makes the other
 * namespaces, clones pid 1 as the launcher's child, makes the network beside it, and is gone.
 * `sock` is its end of the conversation, `far` the launcher's, which it must not keep: its end
 * would never come.
 */
_Noreturn void stage_main(const struct launch *l, int sock, int far, int launcher_pidfd);

#endif
