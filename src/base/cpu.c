#include "cpu.h"

void cpu_choose(struct cpu_choice *ret)
{
        /* EINVAL: a machine with more processors than fit into the set; then it stays as it is */
        ret->is_useful =
                sched_getaffinity(0, sizeof(ret->all), &ret->all) == 0 && CPU_COUNT(&ret->all) > 1;
}

int cpu_put_apart(const struct cpu_choice *c, pid_t child, struct err *e)
{
        cpu_set_t others = c->all;
        int ours = sched_getcpu();

        if (!c->is_useful || ours < 0 || ours >= CPU_SETSIZE)
                return 0;
        CPU_CLR((size_t)ours, &others);
        /* refused by the filter of an outer container, say */
        if (CPU_COUNT(&others) == 0 || sched_setaffinity(child, sizeof(others), &others) < 0)
                return 0;
        if (sched_setaffinity(child, sizeof(c->all), &c->all) < 0)
                return err_sys(e, "cannot let process %d use all processors again", (int)child);
        return 0;
}

void cpu_choose_others(struct cpu_choice *ret)
{
        int ours = sched_getcpu();

        cpu_choose(ret);
        if (!ret->is_useful || ours < 0 || ours >= CPU_SETSIZE) {
                ret->is_useful = false;
                return;
        }
        CPU_CLR((size_t)ours, &ret->all);
        ret->is_useful = CPU_COUNT(&ret->all) > 0;
}

void cpu_leave(const struct cpu_choice *others)
{
        /* where it is refused the child stays: slower, that is all */
        if (others->is_useful)
                sched_setaffinity(0, sizeof(others->all), &others->all);
}
