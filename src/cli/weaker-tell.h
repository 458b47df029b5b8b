#ifndef KELP_CLI_WEAKER_TELL_H
#define KELP_CLI_WEAKER_TELL_H

#include "plan.h"

/* Says on stderr what makes the sandbox weaker than its default: it is told, not only done. */
void weaker_tell(const struct plan *p);

#endif
