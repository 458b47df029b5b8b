#include "plan.h"

void plan_done(struct plan *p)
{
        arena_done(&p->arena);
        *p = (struct plan){ 0 };
}

void plan_add_problem(struct plan_problems *problems, const struct err *e)
{
        if (problems->n < PLAN_MAX_PROBLEMS)
                problems->items[problems->n++] = *e;
        else
                problems->n_dropped++;
}
