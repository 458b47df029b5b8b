#ifndef KELP_BASE_CALL_WORD_H
#define KELP_BASE_CALL_WORD_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The words of [syscalls] allow, deny and log:
 *
 *      NAME                    a system call
 *      @GROUP                  the calls of a group
 *      NUMBER                  a call that has no name here yet
 *      NAME(COND,COND...)      the call with such arguments
 *      ...:ERRNO, ...:kill     deny alone: what it says instead of the usual error
 *
 *      COND                    ARGUMENT=VALUE  ARGUMENT!=VALUE
 *                              ARGUMENT&BITS         one of the bits at least
 *                              ARGUMENT&MASK=VALUE   these bits are VALUE
 *      VALUE, BITS, MASK       a number, or constants of the call joined by '|'
 *
 * ARGUMENT counts from 0.  A filter sees numbers, not what a pointer leads to, and compares 32 bits
 * of them: so arguments can be judged that are 32 bits wide in the kernel, which ignores the upper
 * half of the register, and no others.  Those of `ioctl` (1), `clone` (0), `socket` and `socketpair`
 * (0 to 2), `prctl` (0) and `personality` (0) are.
 *
 * Which names and groups there are is not known here.
 */

#define CALL_WORD_MAX       64
#define CALL_WORD_MAX_CONDS 3

enum call_test {
        CALL_TEST_NONE,    /* no condition */
        CALL_TEST_EQUAL,   /* (argument & mask) == value */
        CALL_TEST_DIFFERS, /* (argument & mask) != value */
        CALL_TEST_ABOVE,   /* (argument & mask) > value, unsigned; no word says this */
        CALL_TEST_ANY_BIT, /* (argument & value) != 0 */
};

struct call_cond {
        enum call_test test;
        unsigned arg;
        uint32_t mask;
        uint32_t value;
};

/* In the place of an error: the process is killed. */
#define CALL_WORD_KILL (-2)

struct call_word {
        char name[CALL_WORD_MAX]; /* "read", "@mount"; "": it is `number` */
        int number;               /* -1 where it has a name */
        int refuse;               /* what deny answers: an errno, CALL_WORD_KILL; 0: the usual */
        struct call_cond conds[CALL_WORD_MAX_CONDS];
        size_t n_conds;
};

/* Numbers of calls are below this: what a filter has a place for. */
#define CALL_WORD_MAX_NUMBER 1024

/* Reads `text` into *ret.  Errors: EINVAL, with a hint where one helps. */
int call_word_parse(const char *text, struct call_word *ret, struct err *e);

/* The value of [syscalls] default: ENOSYS, EPERM or CALL_WORD_KILL. */
int call_word_parse_default(const char *text, int *ret, struct err *e);

/*
 * The value of the constant `name` of argument `arg` of `call`.  With `nearest`, which may be NULL,
 * *nearest is what could have been meant, or NULL (call-constant.c).
 */
bool call_constant_find(const char *call, unsigned arg, const char *name, uint32_t *ret,
                        const char **nearest);

/* The other way round: what manual pages call `value`, or NULL.  Bits that do not count may be set. */
const char *call_constant_name(const char *call, unsigned arg, uint32_t value);

/* Whether words may judge argument `arg` of `call`; *ret_mask has the bits that the kernel looks at. */
bool call_constant_has_arg(const char *call, unsigned arg, uint32_t *ret_mask);

#endif
