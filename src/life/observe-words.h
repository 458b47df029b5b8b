#ifndef KELP_LIFE_OBSERVE_WORDS_H
#define KELP_LIFE_OBSERVE_WORDS_H

#include "observe-event.h"

#include <linux/seccomp.h>

/* Fills kind, name (without one: the number, as in policies) and detail of a system call. */
void observe_name_call(int nr, struct observe_event *ret);
void observe_describe_call(const struct seccomp_data *data, struct observe_event *ret);

#endif
