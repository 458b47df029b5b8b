#ifndef KELP_OCI_EXEC_JOIN_H
#define KELP_OCI_EXEC_JOIN_H

#include "become.h"
#include "container.h"
#include "group.h"

/*
 * One more command in a container that runs.
 *
 *      launcher                        stage                       command
 *         |  forks ---------------------->|  waits
 *         |  moves it to the cgroup       |
 *         |-- GO ------------------------>|  undumpable, closes what it has of the host, enters the
 *         |                               |  namespaces, becomes root there
 *         |<- CLONED pid -----------------|  clone(PARENT) ------------>|  waits
 *         |-- GO pid ------------------------------------------------->|
 *         |                               |  exits                      |  become_prepare()
 *         |<- READY ----------------------------------------------------|
 *         |-- KEEP ---------------------------------------------------->|  become_finish()
 *         |<- the end of the stream: it was executed -------------------|
 *
 * What must hold: whoever is in the container looks on.  The stage is not in its pid namespace; the
 * command is, so before it is born it has lost all names and descriptors of the host but sockets, and it
 * cannot be traced or looked into until exec (CVE-2016-9962).  All namespaces are those of one process,
 * which is named by a pidfd: its number may be somebody else's by the time that it is used.
 */
struct exec_join {
        const struct container *container;
        const struct bundle *config;  /* as it was when the container was made */
        const struct bundle *process; /* what is executed; never the same object */
        const struct profile *profile;
        const struct group *group;
        int first;          /* pidfd of the container's first process */
        int listener;       /* -1: none */
        int console_socket; /* -1: none */
        unsigned preserve_fds;
        const struct notice *notice;
};

/*
 * Starts it.  *ret_pid is a child of this process, which executes the command by now.  Whatever fails, no
 * process is left.  Errors are the command's own: ENOENT and EACCES as become.h says.
 */
int exec_join(const struct exec_join *j, pid_t *ret_pid, struct err *e);

#endif
