#ifndef KELP_LIFE_EXPLAIN_H
#define KELP_LIFE_EXPLAIN_H

#include "observe.h"

/* --explain: what was refused, and what would allow it. */

/* Before the launch; does nothing unless the plan, or `request`, asks for it. */
int explain_prepare(const struct plan *p, const struct observe_request *request,
                    const struct sock_fprog *filter, struct observe *ret, struct err *e);

/*
 * When the sandbox is gone: an event each on the status stream, and a summary on stderr.  What fails
 * is said, and changes nothing.
 */
void explain_report(struct observe *o, const struct plan *p, const struct tree *t);

/* The same for who has asked: gives the events to it instead. */
int explain_answer(struct observe *o, const struct observe_request *request, struct err *e);

#endif
