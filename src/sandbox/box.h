#ifndef KELP_SANDBOX_BOX_H
#define KELP_SANDBOX_BOX_H

#include "build.h"
#include "identity.h"
#include "launch.h"
#include "tty.h"

/* What pid 1 of the sandbox, and then the payload, know. */
struct box {
        const struct launch *launch;
        const struct plan *plan;
        int sock;
        int stage; /* the conversation with the stage */
        int launcher_pidfd;
        mode_t umask; /* the caller's, for a payload that writes in the caller's directory */
        struct build build;
        struct tty tty;
        int pty_master;
        int proc;      /* the sandbox's own, for the supervisor, who samples; -1: nobody does */
        int memory_fs; /* as of struct run */
        struct identity identity;
        int rules;  /* Landlock's, of another process of the sandbox, to be entered; -1: none */
        int joiner; /* pidfd of the process that has brought this one in; -1: pid 1 has */
};

/* Pid 1: builds the root, confines itself, starts the payload, reaps.  Never returns. */
_Noreturn void box_main(const struct launch *l, int sock, int stage, int launcher_pidfd);

#endif
