#ifndef KELP_LIFE_FILTER_FIND_H
#define KELP_LIFE_FILTER_FIND_H

#include "call-program.h"
#include "err.h"
#include "plan.h"

#include <linux/filter.h>

/* The seccomp filter of a run: one that was compiled with kelp, or the plan's own. */
struct filter {
        struct sock_fprog program; /* a plain array, valid until filter_done() */
        struct call_program *own;  /* NULL: it is a built-in one */
};

/* `has_one_id` is what became of the maps.  Errors: ENOENT, E2BIG. */
int filter_find(const struct plan *p, bool has_one_id, struct filter *ret, struct err *e);

void filter_done(struct filter *f);

#define autofilter __attribute__((cleanup(filter_done))) struct filter

#endif
