#ifndef KELP_LIFE_PORT_HOLDER_H
#define KELP_LIFE_PORT_HOLDER_H

#include "plan.h"

/* Why this host would not have us listen on a port: the reason `code`, and who holds the port. */
int port_explain(const struct plan_port *port, int code, struct err *e);

/* Tries it and explains why not; 0 when nothing is in the way (any more). */
int port_try(const struct plan_port *port, struct err *e);

#endif
