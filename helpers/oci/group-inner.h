#ifndef KELP_OCI_GROUP_INNER_H
#define KELP_OCI_GROUP_INNER_H

#include "group.h"

/* What the files of group.h share. */

#define GROUP_MOUNT "/sys/fs/cgroup"

/* Whether cgroup2 is mounted there, and no other: what engines and systemd take for granted. */
bool group_is_unified(void);

/* Opens a directory below the mount; *ret is the caller's.  Errors: as open(2). */
int group_open_path(const char *path, int *ret, struct err *e);

/* Hands down what is needed for `lines`, and what engines show; what cannot be is found out later. */
void group_hand_down(int dir, const struct bundle_group *asked);

/* Makes it by name; ret->path is NULL where none was asked for, and there is no place. */
int group_make_named(const struct bundle *b, const char *id, const struct group_keeper *keeper,
                     struct group *ret, struct err *e);

int group_make_scope(const struct bundle *b, const char *id, struct group *ret, struct err *e);

/* Has systemd move a process to `path`, if that lies in a scope.  ENOENT: it does not. */
int group_attach(const char *path, pid_t pid, struct err *e);

/* "populated 1" and the like, of cgroup.events; false where it cannot be read. */
bool group_has_event(int dir, const char *event);

/* Waits until an event is told or not; false: not within `most_ms`. */
bool group_await_event(int dir, const char *event, bool is_told, int most_ms);

#endif
