#ifndef KELP_LIFE_EXPLAIN_H
#define KELP_LIFE_EXPLAIN_H

#include "observe.h"

/* --explain: what was refused, and what would allow it. */

/* Before the launch; does nothing unless the plan asks for it. */
int explain_prepare(const struct plan *p, const struct sock_fprog *filter, struct observe *ret,
                    struct err *e);

/*
 * When the sandbox is gone: an event each on the status stream, and a summary on stderr.  What fails
 * is said, and changes nothing.
 */
void explain_report(struct observe *o, const struct plan *p, const struct tree *t);

#endif
