/* The wall around the file system. */

#include "confine.h"

#include "fd.h"
#include "ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define READ_RIGHTS (RULESET_READ_FILE | RULESET_READ_DIR)
#define WRITE_RIGHTS                                                                               \
        (READ_RIGHTS | RULESET_WRITE_FILE | RULESET_REMOVE_FILE | RULESET_MAKE_REG |               \
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

/* What is not there on this system needs no rule. */
static int allow_system_files(int ruleset, struct err *e)
{
        for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]); i++) {
                autofd fd = open(system_files[i], O_PATH | O_CLOEXEC);
                struct stat st;

                if (fd < 0)
                        continue;
                if (fstat(fd, &st) < 0)
                        return err_sys(e, "cannot stat '%s'", system_files[i]);
                if (ruleset_allow(ruleset, fd,
                                  S_ISDIR(st.st_mode) ? READ_RIGHTS : RULESET_READ_FILE, e) < 0)
                        return -e->code;
        }
        return 0;
}

int confine_files(const struct confine_spec *spec, struct err *e)
{
        uint64_t handled = 0;

        if (ruleset_abi() < 1)
                return -EOPNOTSUPP;
        /* to connect is what this process is for */
        autofd ruleset = ruleset_make(RULESET_BIND_TCP, &handled, e);
        if (ruleset < 0 || ruleset_allow(ruleset, spec->writable, WRITE_RIGHTS & handled, e) < 0 ||
            ruleset_allow(ruleset, spec->readable, READ_RIGHTS, e) < 0 ||
            allow_system_files(ruleset, e) < 0)
                return -e->code;
        return ruleset_enter(ruleset, e);
}
