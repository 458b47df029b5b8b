#ifndef KELP_CLI_LEARN_FILE_H
#define KELP_CLI_LEARN_FILE_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>

/*
 * The file that a policy is written to.  It comes to be there as a whole or not at all: a new one
 * is written beside it and takes its name.  Its directory is opened before the command runs, and
 * held: whatever is done to the names above it meanwhile, the policy goes there.
 */
struct learn_file {
        const char *path; /* as it was asked for */
        const char *name; /* in `dir` */
        int dir;
        bool may_replace;
        const char *text; /* of the one that is there, for --merge; NULL: there is none */
};

#define LEARN_FILE_NONE                                                                            \
        {                                                                                          \
                .dir = -1                                                                          \
        }

/* Looks whether it could be written, and reads what is to be merged with. */
int learn_file_open(struct arena *a, const char *path, bool is_merge, bool is_forced,
                    struct learn_file *ret, struct err *e);

int learn_file_write(const struct learn_file *file, const char *text, struct err *e);

void learn_file_done(struct learn_file *file);

#endif
