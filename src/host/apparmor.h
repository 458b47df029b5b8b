#ifndef KELP_HOST_APPARMOR_H
#define KELP_HOST_APPARMOR_H

#include "mem.h"
#include "view.h"

/*
 * Ubuntu since 23.10 puts a process that makes a user namespace without having a profile that
 * allows it under the profile "unprivileged_userns", in which every capability is denied: the
 * namespace is there and is good for nothing.  Only our own label after the call tells.
 */

/* The name that a profile for `exe` has, and its file below /etc/apparmor.d: the path with dots. */
void host_apparmor_name(const char *exe, char *ret, size_t size);

/*
 * A profile that allows `exe` (an absolute path) user namespaces, with the commands that install
 * it as comments.  NULL with `e` set when the path cannot be written in a profile.
 */
char *host_apparmor_profile(struct arena *a, const char *exe, struct err *e);

#endif
