#ifndef KELP_SECCOMP_CALLS_H
#define KELP_SECCOMP_CALLS_H

#include "call-table.h"
#include "err.h"
#include "mem.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The names and numbers of the system calls of one architecture.
 *
 * libseccomp knows most names.  It lags behind the kernel, and a name that it does not know must
 * never be passed over in silence: such a call has its number in syscalls.groups, and a name with
 * neither is an error.  Where both know a number, they must agree.
 */

/* Numbers from here on do not exist, and get the default answer of a policy. */
#define CALLS_MAX CALL_TABLE_MAX

struct arch {
        const char *name;
        uint32_t
                token; /* AUDIT_ARCH_*: what seccomp_data.arch holds, and libseccomp's SCMP_ARCH_* */
};

/* The architecture of that name ("x86_64", "aarch64"), or NULL with `e` set. */
const struct arch *arch_find(const char *name, struct err *e);

struct call_number {
        const char *name;
        int nr; /* -1: another architecture's */
};

struct calls {
        const struct arch *arch;
        struct call_number *numbers; /* from syscalls.groups; memory of the reader's arena */
        size_t n_numbers;
};

/*
 * The number of the call `name`; -1 when the call exists, but not on this architecture.
 * Errors: ENOENT when nobody knows the name, EUCLEAN when libseccomp's number is another one.
 */
int calls_resolve(const struct calls *c, const char *name, int *ret_nr, struct err *e);

/* The name of call `nr` on this architecture, copied into `a`; "?" when it has none. */
const char *calls_name(const struct calls *c, int nr, struct arena *a);

#endif
