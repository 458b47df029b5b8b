#ifndef KELP_SANDBOX_RULES_H
#define KELP_SANDBOX_RULES_H

#include "plan.h"
#include "resolve.h"

#include <stdbool.h>

/*
 * The plan's path rules, resolved and set in order: of several for one path the last wins, a later
 * hidden path drops the earlier ones inside it, and parents stand before what
 * lies in them.
 */

struct rule {
        const struct plan_rule *asked;
        const char *box_path;
        const char *link_path; /* where the user's own name for it was a symlink, or NULL */
        struct source source;  /* fd -1 when the rule has no source */
        bool is_dropped;
};

struct rules {
        struct arena *arena;
        struct rule *items;
        size_t n;
};

/* Protected rules are left out: they depend on what became writable (protect.h). */
int rules_resolve(const struct plan *p, struct arena *a, struct rules *ret, struct err *e);
void rules_done(struct rules *r);

/* Whether a rule below `box_path` is still in force. */
bool rules_has_inside(const struct rules *r, const char *box_path);

#endif
