#ifndef KELP_CLI_CMD_DOCTOR_H
#define KELP_CLI_CMD_DOCTOR_H

/* `kelp doctor`; argv[0] is "doctor".  Returns the exit status. */
int cmd_doctor(int argc, char **argv);

#endif
