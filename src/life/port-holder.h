#ifndef KELP_LIFE_PORT_HOLDER_H
#define KELP_LIFE_PORT_HOLDER_H

#include "plan.h"

/*
 * Why the host would not have us listen on a port: tries it, and puts the reason in `e`, with the
 * name of the process that holds the port where this user may know it.  Returns 0 and leaves `e`
 * alone when nothing is in the way any more.
 */
int port_explain(const struct plan_port *port, struct err *e);

#endif
