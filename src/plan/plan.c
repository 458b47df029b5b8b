#include "plan.h"

#include <stdio.h>

void plan_done(struct plan *p)
{
        arena_done(&p->arena);
        *p = (struct plan){ 0 };
}

bool plan_fakes_root(const struct plan *p, bool has_one_id)
{
        return p->root == PLAN_ROOT_IMAGE && p->ids.fake_root != PLAN_FAKE_ROOT_OFF && has_one_id;
}

void plan_filter_name(const struct plan *p, bool has_one_id, char ret[PLAN_MAX_FILTER_NAME])
{
        snprintf(ret, PLAN_MAX_FILTER_NAME, "%s%s%s", p->confine.filter,
                 p->confine.may_nest_userns ? "+userns" : "",
                 plan_fakes_root(p, has_one_id) ? "+fakeroot" : "");
}

void plan_add_problem(struct plan_problems *problems, const struct err *e)
{
        if (problems->n < PLAN_MAX_PROBLEMS)
                problems->items[problems->n++] = *e;
        else
                problems->n_dropped++;
}
