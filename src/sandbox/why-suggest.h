#ifndef KELP_SANDBOX_WHY_SUGGEST_H
#define KELP_SANDBOX_WHY_SUGGEST_H

#include "look.h"
#include "why-path.h"

/* What was found for one question about a path. */
struct why_question {
        const struct plan *plan;
        const struct tree *tree;
        struct arena *arena;
        enum why_access access;
        struct look look;
};

/* Whether the user may do that with the host's file, by its mode and its file system. */
bool why_may_access(const char *host_path, enum why_access access, bool is_directory);

/*
 * After a refusal: sets the option and the line of a policy that would allow it, or a comment on
 * why none is named.
 */
int why_suggest_path(const struct why_question *q, struct why *ret, struct err *e);

#endif
