#ifndef KELP_OCI_WRITE_PID_H
#define KELP_OCI_WRITE_PID_H

#include "err.h"

#include <sys/types.h>

/*
 * The file of --pid-file, with the number and nothing else: whole or not at all, for engines read it as
 * soon as it is there.  Something of that name is replaced.
 */
int write_pid(const char *path, pid_t pid, struct err *e);

#endif
