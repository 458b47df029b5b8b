#include "calls.h"

#include "str.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>

static const struct arch archs[] = {
        { "x86_64", SCMP_ARCH_X86_64 },
        { "aarch64", SCMP_ARCH_AARCH64 },
};

#define N_ARCHS (sizeof(archs) / sizeof(archs[0]))

const struct arch *arch_find(const char *name, struct err *e)
{
        for (size_t i = 0; i < N_ARCHS; i++)
                if (str_eq(name, archs[i].name))
                        return &archs[i];
        err_set(e, EINVAL, "no filters for architecture '%s', only for x86_64 and aarch64", name);
        return NULL;
}

static const struct call_number *number_find(const struct calls *c, const char *name)
{
        for (size_t i = 0; i < c->n_numbers; i++)
                if (str_eq(name, c->numbers[i].name))
                        return &c->numbers[i];
        return NULL;
}

int calls_resolve(const struct calls *c, const char *name, int *ret_nr, struct err *e)
{
        const struct call_number *own = number_find(c, name);
        int nr = seccomp_syscall_resolve_name_arch(c->arch->token, name);

        if (nr == __NR_SCMP_ERROR && !own)
                return err_set(e, ENOENT, "unknown system call '%s'", name);
        if (nr == __NR_SCMP_ERROR) {
                *ret_nr = own->nr;
                return 0;
        }
        /* libseccomp gives a call that the architecture lacks a negative number of its own */
        if (nr < 0)
                nr = -1;
        if (own && own->nr != nr)
                return err_set(e, EUCLEAN, "system call '%s' is %d here, and %d in libseccomp",
                               name, own->nr, nr);
        if (nr >= CALLS_MAX)
                return err_set(e, ERANGE, "system call '%s' has number %d, the most is %d", name,
                               nr, CALLS_MAX - 1);
        *ret_nr = nr;
        return 0;
}

const char *calls_name(const struct calls *c, int nr, struct arena *a)
{
        struct err ignored;

        for (size_t i = 0; i < c->n_numbers; i++)
                if (c->numbers[i].nr == nr)
                        return c->numbers[i].name;
        autofree char *name = seccomp_syscall_resolve_num_arch(c->arch->token, nr);
        const char *copy = name ? arena_copy(a, name, &ignored) : NULL;
        return copy ? copy : "?";
}
