#ifndef KELP_CLI_LEARN_FILE_H
#define KELP_CLI_LEARN_FILE_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The file that a policy is written to.  It comes to be there as a whole or not at all: a new one
 * is written beside it and takes its name.  Its directory is judged before the command runs and is
 * the same afterwards, but no descriptor of it is held meanwhile: the processes of the sandbox are
 * forks of this one.
 */
struct learn_file {
        const char *path; /* as it was asked for */
        const char *name; /* in `dir` */
        const char *dir;  /* absolute */
        uint64_t dev;     /* what that is */
        uint64_t ino;
        bool may_replace;
        const char *text; /* of the one that is there, for --merge; NULL: there is none */
};

/* Looks whether it could be written, and reads what is to be merged with. */
int learn_file_open(struct arena *a, const char *path, bool is_merge, bool is_forced,
                    struct learn_file *ret, struct err *e);

int learn_file_write(const struct learn_file *file, const char *text, struct err *e);

#endif
