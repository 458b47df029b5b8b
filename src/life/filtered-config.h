#ifndef KELP_LIFE_FILTERED_CONFIG_H
#define KELP_LIFE_FILTERED_CONFIG_H

#include "plan.h"

#include <stdio.h>

/*
 * What kelp-proxy is told, as lines in a file without a name: helpers/proxy has their grammar.  The
 * file is written before the proxy is there and on behalf of it, until it becomes the program.
 */
struct filtered_config {
        int fd; /* belongs to `out`; -1: none */
        FILE *out;
};

#define FILTERED_CONFIG_NONE                                                                       \
        {                                                                                          \
                .fd = -1                                                                           \
        }

int filtered_config_open(struct filtered_config *c, struct err *e);
void filtered_config_done(struct filtered_config *c);

/* The rules, and what else of the plan is the proxy's to know.  `log`: -1 for none. */
void filtered_config_add_plan(struct filtered_config *c, const struct plan *p, int log);

/* What was written so far is in the file, which a process that is forked then goes on writing. */
int filtered_config_flush(struct filtered_config *c, struct err *e);

/* All of it is in the file, and is read from its start. */
int filtered_config_finish(struct filtered_config *c, struct err *e);

#endif
