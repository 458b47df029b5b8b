#include "commands.h"

#include "config.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>

/*
 * What this runtime knows, whatever the machine can.  Source: runtime-spec 1.3.0, features.md and
 * features-linux.md.
 */

static const char *const hooks[] = {
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
        NULL,
};

static const char *const namespaces[] = {
        "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts", NULL,
};

/* What kelp-oci-seccomp knows: tests/oci/commands.bats has it read each. */
static const char *const seccomp_actions[] = {
        "SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO",
        "SCMP_ACT_KILL",        "SCMP_ACT_KILL_PROCESS",
        "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
        "SCMP_ACT_NOTIFY",      "SCMP_ACT_TRACE",
        "SCMP_ACT_TRAP",        NULL,
};

static const char *const seccomp_operators[] = {
        "SCMP_CMP_EQ", "SCMP_CMP_GE",        "SCMP_CMP_GT", "SCMP_CMP_LE",
        "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL,
};

static const char *const seccomp_archs[] = {
        "SCMP_ARCH_AARCH64",   "SCMP_ARCH_ARM",      "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",
        "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",   "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PARISC",    "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",
        "SCMP_ARCH_PPC64LE",   "SCMP_ARCH_RISCV64",  "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",
        "SCMP_ARCH_X32",       "SCMP_ARCH_X86",      "SCMP_ARCH_X86_64",   NULL,
};

static const char *const seccomp_flags[] = {
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        NULL,
};

/* The same of config-memory.c. */
static const char *const memory_modes[] = {
        "MPOL_DEFAULT",   "MPOL_BIND",           "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
        "MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL",      NULL,
};

static const char *const memory_flags[] = {
        "MPOL_F_NUMA_BALANCING",
        "MPOL_F_RELATIVE_NODES",
        "MPOL_F_STATIC_NODES",
        NULL,
};

static json_t *make_list(const char *const *words)
{
        json_t *list = json_array();

        for (; *words; words++)
                json_array_append_new(list, json_string(*words));
        return list;
}

static json_t *make_enabled(bool is_enabled)
{
        return json_pack("{s:b}", "enabled", is_enabled);
}

static json_t *make_capabilities(void)
{
        json_t *list = json_array();

        for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
                char *name = cap_to_name(cap);

                /* one that libcap has no name for comes as a number */
                if (name && strncmp(name, "cap_", 4) == 0) {
                        for (char *at = name; *at; at++)
                                *at = (char)toupper((unsigned char)*at);
                        json_array_append_new(list, json_string(name));
                }
                cap_free(name);
        }
        return list;
}

static json_t *make_seccomp(void)
{
        return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "enabled", true, "actions",
                         make_list(seccomp_actions), "operators", make_list(seccomp_operators),
                         "archs", make_list(seccomp_archs), "knownFlags", make_list(seccomp_flags),
                         "supportedFlags", make_list(seccomp_flags));
}

static json_t *make_linux(void)
{
        json_t *cgroup = json_pack("{s:b, s:b, s:b, s:b, s:b}", "v1", false, "v2", true, "systemd",
                                   false, "systemdUser", true, "rdma", true);

        json_t *memory = json_pack("{s:o, s:o}", "modes", make_list(memory_modes), "flags",
                                   make_list(memory_flags));

        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o}, s:o}", "namespaces",
                         make_list(namespaces), "capabilities", make_capabilities(), "cgroup",
                         cgroup, "seccomp", make_seccomp(), "apparmor", make_enabled(true),
                         "selinux", make_enabled(true), "memoryPolicy", memory, "intelRdt",
                         make_enabled(false), "mountExtensions", "idmap", make_enabled(true),
                         "netDevices", make_enabled(false));
}

int cmd_features(const struct globals *g, int argc, char **argv, struct err *e)
{
        const struct words w = { .command = argv[0] };
        char **operands;
        size_t n;

        (void)g;
        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "", operands, n, e) < 0)
                return -e->code;
        json_t *all =
                json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s}, s:[]}", "ociVersionMin", "1.0.0",
                          "ociVersionMax", "1.3.0", "hooks", make_list(hooks), "mountOptions",
                          make_list(config_mount_options()), "linux", make_linux(), "annotations",
                          "io.kelp.version", KELP_VERSION, "potentiallyUnsafeConfigAnnotations");
        char *text = all ? json_dumps(all, JSON_INDENT(2)) : NULL;
        json_decref(all);
        if (!text)
                return err_set(e, ENOMEM, "cannot make the list of features");
        puts(text);
        free(text);
        return fflush(stdout) == 0 ? 0 : err_sys(e, "cannot print the features");
}
