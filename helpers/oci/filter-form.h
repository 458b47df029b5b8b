#ifndef KELP_OCI_FILTER_FORM_H
#define KELP_OCI_FILTER_FORM_H

#include <stdint.h>

/*
 * What kelp-oci-seccomp answers: this head, `n_insns` instructions (struct sock_filter), and
 * `notices_len` bytes of lines.  A line begins with what it is: FILTER_FORM_NOTICE or _DETAIL.
 */
struct filter_form {
        char magic[8];
        uint32_t flags;        /* SECCOMP_FILTER_FLAG_* */
        uint32_t has_listener; /* SCMP_ACT_NOTIFY is among the answers */
        uint32_t n_insns;
        uint32_t notices_len;
};

#define FILTER_FORM_MAGIC "KOCIBPF1"

#define FILTER_FORM_NOTICE '!' /* the container is less confined than its config says */
#define FILTER_FORM_DETAIL '-' /* it is not */

#define FILTER_FORM_MAX_NOTICES ((uint32_t)16 << 10)

/* Of linux.seccomp, which is read on standard input. */
#define FILTER_FORM_MAX_PROFILE ((size_t)16 << 20)

#endif
