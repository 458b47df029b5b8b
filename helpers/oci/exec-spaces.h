#ifndef KELP_OCI_EXEC_SPACES_H
#define KELP_OCI_EXEC_SPACES_H

#include "err.h"

#include <stdbool.h>
#include <sys/types.h>

/* The namespaces of a container's first process, and how another process enters them. */
struct exec_spaces {
        int outer;        /* CLONE_NEW*: entered first, with the rights that are there already */
        int inner;        /* entered with the user namespace that owns them, or with none */
        int root;         /* O_PATH, of a container without mounts of its own; -1: "/" it is */
        bool has_own_ids; /* it is in another user namespace than the caller */
        bool has_own_pids;
        bool denies_groups; /* setgroups(2) is denied there */
};

#define EXEC_SPACES_NONE                                                                           \
        {                                                                                          \
                .root = -1                                                                         \
        }

void exec_spaces_done(struct exec_spaces *s);

/*
 * Looks at those of process `pid`, which `pidfd` is: what was seen counts only if that is alive
 * afterwards.
 */
int exec_spaces_find(pid_t pid, int pidfd, struct exec_spaces *ret, struct err *e);

/* Enters them; the pid namespace is that of children.  Then it is root in there, where there is one. */
int exec_spaces_enter(const struct exec_spaces *s, int pidfd, struct err *e);

#endif
