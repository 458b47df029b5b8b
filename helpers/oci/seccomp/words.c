#include "words.h"

#include "str.h"

#include <assert.h>
#include <ctype.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

/* Since Linux 5.19; older headers lack it. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define MAX_ERRNO 4095u  /* of the kernel's: a larger one is cut to it */
#define MAX_TRACE 65535u /* SECCOMP_RET_DATA */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_WORDS 32 /* of a table, with the end of the list */

static const struct word_action actions[] = {
        { "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, 0, false },
        { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, 0, false },
        { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, 0, false },
        { "SCMP_ACT_TRAP", SCMP_ACT_TRAP, 0, false },
        { "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), MAX_ERRNO, false },
        { "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), MAX_TRACE, false },
        { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, 0, true },
        { "SCMP_ACT_LOG", SCMP_ACT_LOG, 0, true },
        { "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, 0, false },
};

static const struct word_op ops[] = {
        { "SCMP_CMP_NE", SCMP_CMP_NE },
        { "SCMP_CMP_LT", SCMP_CMP_LT },
        { "SCMP_CMP_LE", SCMP_CMP_LE },
        { "SCMP_CMP_EQ", SCMP_CMP_EQ },
        { "SCMP_CMP_GE", SCMP_CMP_GE },
        { "SCMP_CMP_GT", SCMP_CMP_GT },
        { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct word_flag flags[] = {
        { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
        { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
        { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
        { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

/* libseccomp has them in small letters without the prefix, and not all in each version. */
static const char *const archs[] = {
        "SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
        "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
        "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
        "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
        "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",     "SCMP_ARCH_LOONGARCH64",
        "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",
};

static const size_t arch_prefix_len = sizeof("SCMP_ARCH_") - 1;

static_assert(COUNT(archs) < MAX_WORDS, "no room for the end of the list");

/* A name begins each item of a table of `n` items of `size` bytes. */
static const void *find(const void *table, size_t n, size_t size, const char *name,
                        const char **ret_nearest)
{
        const char *known[MAX_WORDS] = { NULL };

        for (size_t i = 0; i < n; i++) {
                const void *item = (const char *)table + i * size;

                memcpy(&known[i], item, sizeof(known[i]));
                if (str_eq(known[i], name))
                        return item;
        }
        *ret_nearest = str_nearest(name, known);
        return NULL;
}

const struct word_action *word_find_action(const char *name, const char **ret_nearest)
{
        return find(actions, COUNT(actions), sizeof(actions[0]), name, ret_nearest);
}

const struct word_op *word_find_op(const char *name, const char **ret_nearest)
{
        return find(ops, COUNT(ops), sizeof(ops[0]), name, ret_nearest);
}

const struct word_flag *word_find_flag(const char *name, const char **ret_nearest)
{
        return find(flags, COUNT(flags), sizeof(flags[0]), name, ret_nearest);
}

bool word_find_arch(const char *name, struct word_arch *ret, const char **ret_nearest)
{
        const char *const *arch = find(archs, COUNT(archs), sizeof(archs[0]), name, ret_nearest);
        char small[32] = "";

        if (!arch)
                return false;
        for (size_t i = 0; (*arch)[arch_prefix_len + i]; i++)
                small[i] = (char)tolower((unsigned char)(*arch)[arch_prefix_len + i]);
        *ret = (struct word_arch){ *arch, seccomp_arch_resolve_name(small) };
        return true;
}
