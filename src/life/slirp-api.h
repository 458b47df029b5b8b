#ifndef KELP_LIFE_SLIRP_API_H
#define KELP_LIFE_SLIRP_API_H

#include "plan.h"

#include <stddef.h>

/* Source: slirp4netns(1), "API SOCKET". */

/*
 * Has slirp4netns listen on the host for one published TCP port; its API socket is "api" below
 * `api_dir`.  The error names the port and, where it can be known, who holds it.
 */
int slirp_api_publish(int api_dir, const struct plan_port *port, struct err *e);

/* The request as JSON text in `buffer`; the plan's address must be IPv4. */
int slirp_api_request(const struct plan_port *port, char *buffer, size_t size, struct err *e);

/* Judges the answer: a "return" and no "error" is success; else its description is in `e`. */
int slirp_api_judge(const char *answer, struct err *e);

#endif
