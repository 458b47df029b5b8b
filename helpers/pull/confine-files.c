/* The wall around the file system. */

#include "confine.h"

#include "fd.h"
#include "ruleset.h"

#include <errno.h>

#define WRITE_RIGHTS                                                                               \
        (RULESET_READ | RULESET_WRITE_FILE | RULESET_REMOVE_FILE | RULESET_MAKE_REG |              \
         RULESET_TRUNCATE)

/*
 * What the C library's resolver, libcurl and OpenSSL read when they need it: their configuration
 * (often a symlink to somewhere below /run), name service modules, and the list of CAs.
 */
static const char *const system_files[] = {
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
        "/etc/services",
        "/etc/protocols",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/ssl",
        "/etc/pki",
        "/etc/ca-certificates",
        "/etc/crypto-policies",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/share/zoneinfo",
        "/usr/share/pki",
        "/run/systemd/resolve",
        "/run/resolvconf",
        "/run/NetworkManager",
        "/run/connman",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/nix/store",
        "/gnu/store",
        "/dev/urandom",
        "/dev/null",
        "/proc/sys/crypto",
        "/proc/sys/kernel/random",
        "/sys/devices/system/cpu",
};

#define N_SYSTEM_FILES (sizeof(system_files) / sizeof(system_files[0]))

int confine_files(const struct confine_spec *spec, struct err *e)
{
        uint64_t handled = 0;

        if (ruleset_abi() < 1)
                return -EOPNOTSUPP;
        /* to connect is what this process is for */
        autofd ruleset = ruleset_make(RULESET_BIND_TCP, &handled, e);
        if (ruleset < 0 || ruleset_allow(ruleset, spec->writable, WRITE_RIGHTS & handled, e) < 0 ||
            ruleset_allow(ruleset, spec->readable, RULESET_READ, e) < 0 ||
            ruleset_allow_reading(ruleset, system_files, N_SYSTEM_FILES, e) < 0)
                return -e->code;
        return ruleset_enter(ruleset, e);
}
