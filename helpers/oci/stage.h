#ifndef KELP_OCI_STAGE_H
#define KELP_OCI_STAGE_H

#include "cpu.h"
#include "ids.h"
#include "launch.h"
#include "spaces.h"

/*
 * What the processes of a launch have in common: made by the launcher, and each child has its copy.
 * talk.h says how they talk.
 */
struct launch {
        const struct launch_spec *spec;
        struct ids ids;
        struct spaces spaces;
        struct cpu_choice cpus;
        bool joins_first; /* others are joined before the user namespace, which the stage then makes */
        bool is_early;    /* first is born while the maps are written, and awaits them itself */
        bool is_shared; /* whoever is in a namespace that is joined could look at us */
        int sock;       /* the launcher's end */
        int far;        /* that of its children */
        int self;       /* pidfd of the launcher */
        int listener;   /* the socket `start` */
        int console;    /* connected to --console-socket; -1: none */
        int seccomp;    /* connected to linux.seccomp.listenerPath; -1: none */
};

#define LAUNCH_NONE                                                                                \
        {                                                                                          \
                .spaces = SPACES_NONE, .sock = -1, .far = -1, .self = -1, .listener = -1,          \
                .console = -1, .seccomp = -1                                                       \
        }

/* Whether there are hooks between the building of the root and its entering. */
bool launch_has_outer_hooks(const struct bundle *b);

/*
 * The process between the launcher and first: it is in the user namespace, or goes there; makes and joins
 * the other namespaces, clones first as the launcher's child, makes the network beside it, and is gone.
 */
_Noreturn void stage_main(struct launch *l);

#endif
