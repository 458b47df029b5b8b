#ifndef KELP_OCI_EXEC_PROCESS_H
#define KELP_OCI_EXEC_PROCESS_H

#include "bundle.h"
#include "notice.h"
#include "words.h"

/* What `exec` is told of its process: a file, or words that change the container's own. */
struct exec_process {
        const char *file; /* --process; NULL: none */
        const char **args;
        size_t n_args;
        bool has_terminal;
        const char *workdir;
        const char *user;
        bool no_new_privs;
        const char *selinux;
        const char *apparmor;
        struct words_list env;
        struct words_list groups;
        struct words_list caps;
};

/* Room for the lists of a command line of `n` words. */
int exec_process_begin(struct exec_process *p, size_t n, struct err *e);
void exec_process_done(struct exec_process *p);

/*
 * The process to execute in the container of `config`, which must outlive it.  What a file leaves out is
 * the container's: environment, capabilities, labels.  *ret, which must be zeroed, belongs to the caller
 * (bundle_done()), also after a failure.
 */
int exec_process_make(const struct exec_process *p, const struct bundle *config,
                      const struct notice *notice, struct bundle *ret, struct err *e);

#endif
