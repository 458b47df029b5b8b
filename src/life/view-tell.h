#ifndef KELP_LIFE_VIEW_TELL_H
#define KELP_LIFE_VIEW_TELL_H

#include "plan.h"
#include "tree.h"

/* Says on stderr what of this host can be changed from inside that its user may not have in mind. */
void view_tell(const struct plan *p, const struct tree *t);

#endif
