#ifndef KELP_CLI_POLICY_COMMANDS_H
#define KELP_CLI_POLICY_COMMANDS_H

/*
 * The commands of `kelp policy`; argv[0] is the command's name.  Each returns the exit status of
 * kelp: 0 for yes, 1 for no, EXIT_FAILED where there is no answer.
 */

#define POLICY_NO 1

int policy_list(int argc, char **argv);
int policy_show(int argc, char **argv);
int policy_check(int argc, char **argv);
int policy_why(int argc, char **argv);

#endif
