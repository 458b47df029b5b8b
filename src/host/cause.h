#ifndef KELP_HOST_CAUSE_H
#define KELP_HOST_CAUSE_H

#include "fact.h"

#include <stdbool.h>

/* What the failing kernel call or program was for. */
enum host_topic {
        HOST_TOPIC_NONE,
        HOST_TOPIC_USERNS,     /* clone or unshare of a user namespace */
        HOST_TOPIC_ID_MAP,     /* one id, written to uid_map and gid_map */
        HOST_TOPIC_NEWIDMAP,   /* newuidmap and newgidmap, subordinate ids */
        HOST_TOPIC_NAMESPACES, /* unshare of the other namespaces, clone of pid 1 */
        HOST_TOPIC_MOUNT,      /* any mount, or pivot_root: which one is found here */
        HOST_TOPIC_PROC,
        HOST_TOPIC_SYSFS,
        HOST_TOPIC_OVERLAY,
        HOST_TOPIC_LOOPBACK,
        HOST_TOPIC_NETWORK,  /* slirp4netns or its tap device: which of them is found here */
        HOST_TOPIC_FILTERED, /* the gateway of a filtered network */
        HOST_TOPIC_VETH,
        HOST_TOPIC_TUN,
        HOST_TOPIC_SLIRP,
        HOST_TOPIC_LANDLOCK,
        HOST_TOPIC_SECCOMP,
        HOST_TOPIC_COUNT,
};

/*
 * Why a call for `topic` fails with the errno value `code` on this machine, and what to do.  May
 * try the call again in a child.  False when nothing is known that is not in the error already.
 */
bool host_find_cause(const struct host_view *v, enum host_topic topic, int code,
                     struct host_cause *ret);

/* The causes by subject; each in the file of its subject. */
bool host_cause_userns(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_id_map(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_newidmap(const struct host_view *v, struct host_cause *ret);
bool host_cause_namespaces(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_view(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_proc(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_sysfs(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_overlay(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_tun(const struct host_view *v, struct host_cause *ret);
bool host_cause_veth(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_slirp(const struct host_view *v, struct host_cause *ret);
bool host_cause_landlock(int code, struct host_cause *ret);
bool host_cause_seccomp(const struct host_view *v, int code, struct host_cause *ret);

/* ENOSPC of a namespace call: user.max_`kind`_namespaces, with its value. */
void host_cause_limit(const struct host_view *v, const char *kind, struct host_cause *ret);

/* AppArmor, or a system call filter or a profile of an outer container, that refuses `code`. */
bool host_cause_refused(const struct host_view *v, int code, struct host_cause *ret);
bool host_cause_apparmor(const struct host_view *v, struct host_cause *ret);

#endif
