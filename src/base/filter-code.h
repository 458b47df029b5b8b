#ifndef KELP_BASE_FILTER_CODE_H
#define KELP_BASE_FILTER_CODE_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

/* Pieces of seccomp filters that are written by hand. */

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#error "kelp's own filters do not know this architecture"
#endif

#define FILTER_LOAD(member)                                                                        \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define FILTER_GIVE(what) BPF_STMT(BPF_RET | BPF_K, what)

/* The number of the call is loaded. */
#define FILTER_ALLOW(number)                                                                       \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), FILTER_GIVE(SECCOMP_RET_ALLOW)

#endif
