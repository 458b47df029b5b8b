#ifndef KELP_SANDBOX_RULES_H
#define KELP_SANDBOX_RULES_H

#include "plan.h"
#include "resolve.h"
#include "tree.h"

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
        struct source source;  /* fd -1 when the rule has no source, or is a link alone */
        size_t order; /* later ones win; odd for the plan's rules, even for what patterns found */
        bool is_link; /* a later one shows the same place: this one is the link to it alone */
        bool is_dropped;
};

struct rules {
        struct arena *arena;
        struct rule *items;
        size_t n;
};

/*
 * Memory is the tree's, and patterns that were looked for are noted in it.
 * Protected rules are left out: they depend on what became writable (protect.h).
 */
int rules_resolve(const struct plan *p, struct tree *t, struct rules *ret, struct err *e);
void rules_done(struct rules *r);

/* One rule more, resolved and judged; one that is not there is left out where it may be. */
int rules_add(const struct plan *p, struct rules *r, const struct plan_rule *asked, size_t order,
              struct err *e);

/* The plan's patterns of readable and hidden paths, as rules for all that matches (rules-pattern.c). */
int rules_add_patterns(const struct plan *p, struct rules *r, struct tree *t, struct err *e);

/* Covers `real`, a host path without symlinks, in every share that shows it in another place. */
int rules_hide_elsewhere(const struct plan *p, struct rules *r, const char *real,
                         const char *origin, struct err *e);

/* Whether a rule below `box_path` is still in force. */
bool rules_has_inside(const struct rules *r, const char *box_path);

#endif
