/* The wall around the file system. */

#include "confine.h"

#include "fd.h"
#include "ruleset.h"

#include <errno.h>

/*
 * What c-ares and the C library read to find names: their configuration, which is often a symlink
 * to somewhere below /run.
 */
static const char *const system_files[] = {
        "/etc/resolv.conf", "/etc/hosts",          "/etc/host.conf", "/etc/nsswitch.conf",
        "/etc/gai.conf",    "/etc/services",       "/etc/svc.conf",  "/run/systemd/resolve",
        "/run/resolvconf",  "/run/NetworkManager", "/run/connman",
};

#define N_SYSTEM_FILES (sizeof(system_files) / sizeof(system_files[0]))

int confine_files(struct err *e)
{
        uint64_t handled = 0;

        if (ruleset_abi() < 1)
                return -EOPNOTSUPP;
        /* to connect is what this process is for */
        autofd ruleset = ruleset_make(RULESET_BIND_TCP, &handled, e);
        if (ruleset < 0 || ruleset_allow_reading(ruleset, system_files, N_SYSTEM_FILES, e) < 0)
                return -e->code;
        return ruleset_enter(ruleset, e);
}
