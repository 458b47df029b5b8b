#ifndef KELP_CLI_DETACH_KEYS_H
#define KELP_CLI_DETACH_KEYS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/* The keys that let go of a sandbox, as docker has them: "ctrl-p,ctrl-q", "ctrl-],x". */

#define DETACH_MAX_KEYS 8
#define DETACH_DEFAULT  "ctrl-p,ctrl-q"

struct detach_keys {
        char keys[DETACH_MAX_KEYS];
        size_t n;  /* 0: none */
        size_t at; /* so many of them were typed */
};

int detach_keys_parse(const char *text, struct detach_keys *ret, struct err *e);

/*
 * Looks at what was typed, and copies to `out` (with room for len + DETACH_MAX_KEYS bytes) what of it
 * is for the sandbox: the start of the sequence waits for its end.  True: it is complete, and what
 * was typed behind it is nobody's.
 */
bool detach_keys_filter(struct detach_keys *k, const char *typed, size_t len, char *out,
                        size_t *ret_len);

#endif
