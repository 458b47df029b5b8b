#ifndef KELP_COMMON_RULESET_H
#define KELP_COMMON_RULESET_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Landlock for helpers.  The headers that we build with may be older than the kernel that we run on,
 * so the rights have their values here.  Source: Documentation/userspace-api/landlock.rst.
 */

#define RULESET_WRITE_FILE  (1ull << 1)
#define RULESET_READ_FILE   (1ull << 2)
#define RULESET_READ_DIR    (1ull << 3)
#define RULESET_REMOVE_DIR  (1ull << 4)
#define RULESET_REMOVE_FILE (1ull << 5)
#define RULESET_MAKE_CHAR   (1ull << 6)
#define RULESET_MAKE_DIR    (1ull << 7)
#define RULESET_MAKE_REG    (1ull << 8)
#define RULESET_MAKE_FIFO   (1ull << 10)
#define RULESET_MAKE_SYM    (1ull << 12)
#define RULESET_REFER       (1ull << 13) /* ABI 2: links and moves to another directory */
#define RULESET_TRUNCATE    (1ull << 14) /* ABI 3 */

#define RULESET_BIND_TCP    (1ull << 0) /* ABI 4 */
#define RULESET_CONNECT_TCP (1ull << 1)

/* Of a file the first, of a directory both. */
#define RULESET_READ (RULESET_READ_FILE | RULESET_READ_DIR)

/* Which version of Landlock the kernel has; below 1: none, or it is not enabled. */
long ruleset_abi(void);

/*
 * A ruleset, a descriptor of the caller's, that forbids all the kernel knows to forbid: everything
 * to do with files, what of `net` there is, signals and abstract sockets of other processes.
 * *ret_fs has the rights that it handles: no other may be allowed.
 */
int ruleset_make(uint64_t net, uint64_t *ret_fs, struct err *e);

/* Allows `rights` to what `fd` is, and below it. */
int ruleset_allow(int ruleset, int fd, uint64_t rights, struct err *e);

/*
 * Allows to read the files of `paths`, and all that is below the directories among them.  What this
 * system does not have, or shows to nobody, needs no rule.
 */
int ruleset_allow_reading(int ruleset, const char *const *paths, size_t n, struct err *e);

/* Binds this process to it. */
int ruleset_enter(int ruleset, struct err *e);

#endif
