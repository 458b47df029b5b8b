#ifndef KELP_CLI_SUGGEST_H
#define KELP_CLI_SUGGEST_H

#include "option.h"

/*
 * For an image that does not exist: if a program of that name does, the "--" was forgotten.  Sets
 * the hint of `e`, which names the missing image, in either case.  argv as cmd_run() has it.
 */
void suggest_command(const struct option_list *options, int argc, char **argv, struct err *e);

#endif
