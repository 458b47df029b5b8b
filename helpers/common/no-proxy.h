#ifndef KELP_COMMON_NO_PROXY_H
#define KELP_COMMON_NO_PROXY_H

#include <stdbool.h>

/*
 * Whether a value of NO_PROXY has `host` in it: "*"; names, which stand for those below them, too;
 * addresses, also as ADDRESS/BITS.  Between them are commas or blanks.
 */
bool no_proxy_has(const char *list, const char *host);

#endif
