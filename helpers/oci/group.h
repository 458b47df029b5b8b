#ifndef KELP_OCI_GROUP_H
#define KELP_OCI_GROUP_H

#include "bundle.h"
#include "notice.h"
#include "proc.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The container's cgroup, v2 alone: by name (--cgroup-manager cgroupfs, the default), in a transient
 * scope of the user's systemd (--systemd-cgroup, by kelp-scope), or none (--cgroup-manager disabled).
 *
 * By name: linux.cgroupsPath below the mount of cgroup2, be it absolute or relative; without one, and
 * where a cgroup is delegated to the caller, one beside or below that.  Of systemd's:
 * "SLICE:PREFIX:NAME" is the scope PREFIX-NAME.scope in that slice; the container is in "container"
 * below it, for what is in the scope's own files is systemd's to write.
 *
 * A host that has controllers in version 1 has no cgroup for us, and limits are not kept: that is said.
 */
enum group_manager {
        GROUP_CGROUPFS,
        GROUP_SYSTEMD,
        GROUP_DISABLED,
};

struct group {
        int dir;    /* O_PATH; -1: there is none */
        char *path; /* below the mount of cgroup2, absolute; NULL: none; the caller's (free) */
        bool is_scope;
        struct child holder; /* without a process there is no scope: ends in group_done() */
};

#define GROUP_NONE                                                                                 \
        {                                                                                          \
                .dir = -1, .holder = CHILD_NONE                                                    \
        }

void group_done(struct group *g);

/*
 * Is told the path of a cgroup that is about to be made and was not there: whoever kills us then leaves
 * nothing that nobody knows of.
 */
struct group_keeper {
        int (*keep)(void *user, const char *path, struct err *e);
        void *user;
};

/*
 * Before the container is born: makes it and writes its limits.  Where nothing was asked for and
 * nothing is delegated there is none.  A limit that was asked for and cannot be had is said, as crun
 * does without delegation, or an error where there is a delegated cgroup that refuses it.
 */
int group_make(const struct bundle *b, const char *id, enum group_manager manager,
               const struct group_keeper *keeper, const struct notice *notice, struct group *ret,
               struct err *e);

/* Moves a process there; where we may not, systemd does it for its scope. */
int group_add(const struct group *g, pid_t pid, struct err *e);

/* The one that `container.h` has kept: -1 in ret->dir without an error if there is none. */
int group_open(const char *path, struct group *ret, struct err *e);

/* `update`: ENOENT with the reason when there is no cgroup. */
int group_update(const struct group *g, const struct bundle *resources, struct err *e);

int group_freeze(const struct group *g, bool on, struct err *e);
bool group_is_frozen(const struct group *g);

/* All pids in it and below; *ret is the caller's (free). */
int group_list(const struct group *g, pid_t **ret, size_t *ret_n, struct err *e);

/* Sends `signal` to all in it; SIGKILL by cgroup.kill where the kernel has it. */
int group_kill(const struct group *g, int signal, struct err *e);

/* Kills what is left, waits for its end and removes it with those below. */
int group_remove(const struct group *g, struct err *e);

#endif
