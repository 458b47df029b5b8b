#ifndef KELP_OCI_HELP_H
#define KELP_OCI_HELP_H

#include <stddef.h>

/* What `kelp-oci --help` and `kelp-oci COMMAND --help` print. */

struct help_command {
        const char *name;
        const char *operands; /* "ID [SIGNAL]"; "" for none */
        const char *summary;
        const char *options; /* lines, "" for none */
};

/* NULL: there is no such command. */
const struct help_command *help_find(const char *name);

/* To standard output; errors as of write(2), without a text. */
int help_print_command(const struct help_command *command);
int help_print_all(void);

/* The command that could have been meant, or NULL. */
const char *help_nearest(const char *name);

#endif
