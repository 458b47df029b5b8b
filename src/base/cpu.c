#include "cpu.h"

void cpu_choose(struct cpu_choice *ret)
{
        /* EINVAL: a machine with more processors than fit into the set; then it stays as it is */
        ret->is_useful =
                sched_getaffinity(0, sizeof(ret->all), &ret->all) == 0 && CPU_COUNT(&ret->all) > 1;
}

void cpu_put_apart(const struct cpu_choice *c, pid_t child)
{
        cpu_set_t others = c->all;
        int ours = sched_getcpu();

        if (!c->is_useful || ours < 0 || ours >= CPU_SETSIZE)
                return;
        CPU_CLR(ours, &others);
        /* refused, by the filter of an outer container say, it runs where it is: slower, that is all */
        sched_setaffinity(child, sizeof(others), &others);
}

int cpu_take_all(const struct cpu_choice *c, struct err *e)
{
        cpu_set_t now;

        if (!c->is_useful || sched_setaffinity(0, sizeof(c->all), &c->all) == 0)
                return 0;
        err_sys(e, "cannot use all processors again");
        /* whoever may not choose has not been moved either */
        if (sched_getaffinity(0, sizeof(now), &now) < 0 || !CPU_EQUAL(&now, &c->all))
                return -e->code;
        *e = (struct err){ .step = e->step };
        return 0;
}
