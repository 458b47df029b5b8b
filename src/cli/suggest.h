#ifndef KELP_CLI_SUGGEST_H
#define KELP_CLI_SUGGEST_H

#include "option.h"

/*
 * For an image that does not exist (ENOENT) or is a program (ENOEXEC): if it is a command, the "--"
 * was forgotten.  Sets the hint of `e` where there is one to give.  argv as cmd_run() has it.
 */
void suggest_command(const struct option_list *options, int argc, char **argv, struct err *e);

#endif
