#ifndef KELP_OCI_COMMANDS_H
#define KELP_OCI_COMMANDS_H

#include "err.h"
#include "group.h"

#include <stdbool.h>

/* What stands in front of the command. */
struct globals {
        const char *root; /* --root; NULL: the default */
        enum group_manager manager;
        bool is_debug;
};

/*
 * One for each command: argv[0] is its name.  Returns what kelp-oci exits with, or a negative errno
 * with `e` set, which main() reports and exits with 1 for.
 */
int cmd_create(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_start(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_run(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_state(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_kill(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_delete(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_exec(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_list(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_ps(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_features(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_update(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_pause(const struct globals *g, int argc, char **argv, struct err *e);
int cmd_resume(const struct globals *g, int argc, char **argv, struct err *e);

#endif
