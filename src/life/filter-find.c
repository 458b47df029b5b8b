#include "filter-find.h"

#include "seccomp-filters.h"
#include "syscalls.h"

#include <errno.h>
#include <stdlib.h>

static int find_builtin(const struct plan *p, bool has_one_id, struct filter *ret, struct err *e)
{
        char name[PLAN_MAX_FILTER_NAME];
        const struct seccomp_filter *filter;

        plan_filter_name(p, has_one_id, name);
        filter = seccomp_filter_find(name);
        if (!filter)
                return err_set(e, ENOENT, "there is no seccomp filter '%s'", name);
        ret->program.len = filter->len;
        ret->program.filter = (struct sock_filter *)filter->insns;
        return 0;
}

int filter_find(const struct plan *p, bool has_one_id, struct filter *ret, struct err *e)
{
        struct call_program *own = NULL;

        *ret = (struct filter){ 0 };
        if (p->confine.n_syscalls == 0)
                return find_builtin(p, has_one_id, ret, e);
        if (syscalls_compile(p, plan_fakes_root(p, has_one_id), &own, e) < 0)
                return -e->code;
        ret->own = own;
        ret->program.len = (unsigned short)own->len;
        ret->program.filter = own->insns;
        return 0;
}

void filter_done(struct filter *f)
{
        free(f->own);
        *f = (struct filter){ 0 };
}
