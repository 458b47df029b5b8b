#include "caps.h"

#include "str.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>

/* By number, as in linux/capability.h. */
static const char names[][20] = {
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
};

#define N_CAPS ((int)(sizeof(names) / sizeof(names[0])))

static_assert(sizeof(names) / sizeof(names[0]) == CAP_CHECKPOINT_RESTORE + 1,
              "a name for every capability");

uint64_t caps_all(void)
{
        return ((uint64_t)1 << N_CAPS) - 1;
}

const char *caps_name(int cap)
{
        return cap >= 0 && cap < N_CAPS ? names[cap] : NULL;
}

int caps_find(const char *name, int *ret_cap, struct err *e)
{
        const char *plain = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
        const char *known[N_CAPS + 1];
        char upper[24];
        size_t len = 0;

        for (; len < sizeof(upper) - 1 && plain[len]; len++)
                upper[len] = (char)toupper((unsigned char)plain[len]);
        upper[len] = '\0';
        for (int i = 0; i < N_CAPS; i++) {
                known[i] = names[i];
                if (plain[len] == '\0' && str_eq(upper, names[i])) {
                        *ret_cap = i;
                        return 0;
                }
        }
        known[N_CAPS] = NULL;
        const char *near = str_nearest(upper, known);
        err_set(e, EINVAL, "unknown capability '%s'", name);
        return near ? err_hint(e, "did you mean '%s'", near)
                    : err_hint(e, "like NET_ADMIN, as in capabilities(7), or ALL");
}
