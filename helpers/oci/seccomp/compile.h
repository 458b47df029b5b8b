#ifndef KELP_OCI_SECCOMP_COMPILE_H
#define KELP_OCI_SECCOMP_COMPILE_H

#include "err.h"
#include "filter-form.h"

#include <jansson.h>
#include <seccomp.h>
#include <stddef.h>

/*
 * linux.seccomp as a filter of libseccomp's, with the rules that crun and runc follow where the
 * specification is silent: what the default does needs no rule; a name that libseccomp does not know
 * is left out; conditions on one and the same argument are alternatives.
 */
struct compiled {
        scmp_filter_ctx filter;
        struct filter_form form; /* but n_insns */
        char notices[FILTER_FORM_MAX_NOTICES];
};

void compiled_done(struct compiled *c);

#define autocompiled __attribute__((cleanup(compiled_done))) struct compiled

/* EINVAL: the profile is bad, the text names the path of what is.  *ret must be zeroed. */
int compile_profile(const char *text, size_t len, struct compiled *ret, struct err *e);

#endif
