/* The wall around the file system. */

#include "confine.h"

#include "fd.h"
#include "ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/*
 * What c-ares and the C library read to find names: their configuration, which is often a symlink
 * to somewhere below /run.
 */
static const char *const system_files[] = {
        "/etc/resolv.conf", "/etc/hosts",          "/etc/host.conf", "/etc/nsswitch.conf",
        "/etc/gai.conf",    "/etc/services",       "/etc/svc.conf",  "/run/systemd/resolve",
        "/run/resolvconf",  "/run/NetworkManager", "/run/connman",
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
                                  S_ISDIR(st.st_mode) ? RULESET_READ_FILE | RULESET_READ_DIR
                                                      : RULESET_READ_FILE,
                                  e) < 0)
                        return -e->code;
        }
        return 0;
}

int confine_files(struct err *e)
{
        uint64_t handled = 0;

        if (ruleset_abi() < 1)
                return -EOPNOTSUPP;
        /* to connect is what this process is for */
        autofd ruleset = ruleset_make(RULESET_BIND_TCP, &handled, e);
        if (ruleset < 0 || allow_system_files(ruleset, e) < 0)
                return -e->code;
        return ruleset_enter(ruleset, e);
}
