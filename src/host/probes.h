#ifndef KELP_HOST_PROBES_H
#define KELP_HOST_PROBES_H

#include "cause.h"
#include "err.h"
#include "fact.h"

#include <stdbool.h>

/*
 * Whether an attempt failed before it came to its `subject`, for want of a namespace; says so in
 * *ret, without the cause, which is told once where it belongs.
 */
bool host_is_untried(const struct err *e, enum host_topic subject, struct host_fact *ret);

/* The subjects, one a file; host_probes[] lists them. */

void host_probe_kernel(const struct host_view *v, struct host_fact *ret);
void host_probe_view(const struct host_view *v, struct host_fact *ret);
void host_probe_outer(const struct host_view *v, struct host_fact *ret);
void host_probe_userns(const struct host_view *v, struct host_fact *ret);
void host_probe_apparmor(const struct host_view *v, struct host_fact *ret);
void host_probe_namespaces(const struct host_view *v, struct host_fact *ret);
void host_probe_proc(const struct host_view *v, struct host_fact *ret);
void host_probe_sysfs(const struct host_view *v, struct host_fact *ret);
void host_probe_overlay(const struct host_view *v, struct host_fact *ret);
void host_probe_subids(const struct host_view *v, struct host_fact *ret);
void host_probe_newidmap(const struct host_view *v, struct host_fact *ret);
void host_probe_seccomp(const struct host_view *v, struct host_fact *ret);
void host_probe_landlock(const struct host_view *v, struct host_fact *ret);
void host_probe_tun(const struct host_view *v, struct host_fact *ret);
void host_probe_veth(const struct host_view *v, struct host_fact *ret);
void host_probe_slirp(const struct host_view *v, struct host_fact *ret);
void host_probe_dns(const struct host_view *v, struct host_fact *ret);
void host_probe_cgroup(const struct host_view *v, struct host_fact *ret);
void host_probe_terminal(const struct host_view *v, struct host_fact *ret);
void host_probe_helpers(const struct host_view *v, struct host_fact *ret);

#endif
