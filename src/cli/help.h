#ifndef KELP_CLI_HELP_H
#define KELP_CLI_HELP_H

/* Prints the help of `kelp run`, made from the table of its options.  Returns the exit status. */
int help_print_run(void);

/* Ends what was printed on stdout: the exit status, with a word when not all of it was written. */
int help_end(void);

#endif
