#ifndef KELP_CLI_SUGGEST_H
#define KELP_CLI_SUGGEST_H

#include "option.h"

#include <stdbool.h>

/* A command line of that length is all that is suggested; what does not fit is cut. */
#define SUGGEST_MAX 400

/* The words as a shell takes them, each after a blank. */
void suggest_words(const char *const *words, size_t n, char ret[SUGGEST_MAX]);

/*
 * Whether argv[0] is a program in PATH.  `ret` gets what stands behind "kelp run --" to run it: its
 * words, each after a blank.
 */
bool suggest_program(int argc, char **argv, char ret[SUGGEST_MAX]);

/*
 * For a command that begins with '-': its options behind the image, or behind "--", are in the wrong
 * place.  The hint for when no such command is found, from `arena`, or NULL when there is none to
 * give.  argv as cmd_run() has it.
 */
const char *suggest_order(struct arena *arena, const struct option_list *options, int argc,
                          char **argv);

/* Whether suggest_command() takes what is no image for a command of this host. */
bool suggest_is_command(const struct option_list *options, int code);

/*
 * For an image that does not exist (ENOENT) or is a program (ENOEXEC): if it is a command, the "--"
 * was forgotten.  Sets the hint of `e` where there is one to give.  argv as cmd_run() has it.
 */
void suggest_command(const struct option_list *options, int argc, char **argv, struct err *e);

#endif
