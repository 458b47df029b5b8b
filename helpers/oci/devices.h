#ifndef KELP_OCI_DEVICES_H
#define KELP_OCI_DEVICES_H

#include "rootfs.h"

/*
 * The nodes of /dev: those that every container has, those of linux.devices, and the usual links.  Without
 * the right to make nodes each is a bind of the host's node of that name.  Where /dev is a bind, of the
 * host's or another, it is left as it is.  r->null is set where there is a null device.
 * Source: runtime-spec, config-linux.md, Default Devices and Dev symbolic links.
 */
int devices_add(const struct rootfs_spec *spec, struct rootfs *r, struct err *e);

#endif
