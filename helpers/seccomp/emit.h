#ifndef KELP_SECCOMP_EMIT_H
#define KELP_SECCOMP_EMIT_H

#include "call-program.h"
#include "err.h"
#include "groups.h"
#include "policy.h"

#include <stdio.h>

/* The forms in which a filter leaves this program.  Errors of `out` are found by its owner. */

/* C: emit_c_begin(), emit_c_array() for filters 0, 1, ..., emit_c_end(). */
void emit_c_begin(FILE *out, const char *header);
void emit_c_array(FILE *out, size_t index, const struct call_program *program);
void emit_c_end(FILE *out, const struct policy *const *policies,
                const struct call_program *const *programs, size_t n);
void emit_header(FILE *out);

/* The array of struct sock_filter, as it goes to the kernel. */
void emit_bpf(FILE *out, const struct call_program *program);

/* C: the vocabulary, for the launcher (src/plan/call-names.h). */
int emit_names(FILE *out, const struct groups *g, struct err *e);

/* What the policy says of each call, for people, and what that costs. */
int emit_text(FILE *out, const struct policy *p, const struct groups *g,
              const struct call_program *program, struct err *e);

#endif
