#ifndef KELP_CLI_UPSTREAM_TELL_H
#define KELP_CLI_UPSTREAM_TELL_H

#include "plan.h"

/*
 * Says on stderr, where a proxy of this host stands before a filtered network that allows names, that
 * it decides where they lead.
 */
void upstream_tell(const struct plan_net *net);

#endif
