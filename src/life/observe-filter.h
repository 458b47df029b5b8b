#ifndef KELP_LIFE_OBSERVE_FILTER_H
#define KELP_LIFE_OBSERVE_FILTER_H

#include "err.h"
#include "plan.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The policy's filter for a run that is observed.  Two copies of it stand behind each other:
 *
 *      a call that is observed         the copy in which ALLOW and ERRNO became USER_NOTIF
 *      every other call                the copy in which ERRNO became USER_NOTIF
 *
 * KILL stays what it is in both, and so do LOG and "ERRNO 0", which pretends that a call worked.  So
 * nothing passes that the policy refuses unless the observer says so, and nothing is ended later
 * than before.
 */
struct observe_filter {
        struct sock_filter insns[BPF_MAXINSNS];
        unsigned short len;
};

/*
 * `all_calls`: every call that is allowed is asked about but for the ones that programs make all the
 * time.  Errors: E2BIG, EINVAL for an instruction that kelp-seccomp does not make.
 */
int observe_filter_make(const struct sock_fprog *policy, enum plan_network mode, bool all_calls,
                        struct observe_filter *ret, struct err *e);

/*
 * What the kernel would say to a call by `program`, which observe_filter_make() has taken: a
 * SECCOMP_RET_ value with its data.
 */
uint32_t observe_filter_run(const struct sock_fprog *program, const struct seccomp_data *data);

#endif
