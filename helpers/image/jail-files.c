/* The wall around the file system. */

#include "jail.h"

#include "fd.h"
#include "ruleset.h"

#include <errno.h>

/* Whiteouts are character devices, hard links go from one directory to another. */
#define WRITE_RIGHTS                                                                               \
        (RULESET_READ | RULESET_WRITE_FILE | RULESET_REMOVE_DIR | RULESET_REMOVE_FILE |            \
         RULESET_MAKE_CHAR | RULESET_MAKE_DIR | RULESET_MAKE_REG | RULESET_MAKE_FIFO |             \
         RULESET_MAKE_SYM | RULESET_REFER | RULESET_TRUNCATE)

int jail_restrict_files(const struct jail_spec *spec, struct err *e)
{
        uint64_t handled = 0;

        if (ruleset_abi() < 2)
                return err_set(e, EOPNOTSUPP,
                               "cannot confine the reader of the archive: this "
                               "kernel has no Landlock (ABI 2)");
        autofd ruleset = ruleset_make(RULESET_BIND_TCP | RULESET_CONNECT_TCP, &handled, e);
        if (ruleset < 0)
                return -e->code;
        if (spec->writable >= 0 &&
            ruleset_allow(ruleset, spec->writable, WRITE_RIGHTS & handled, e) < 0)
                return -e->code;
        for (size_t i = 0; i < spec->n_readable; i++) {
                if (ruleset_allow(ruleset, spec->readable[i], RULESET_READ, e) < 0)
                        return -e->code;
        }
        return ruleset_enter(ruleset, e);
}
