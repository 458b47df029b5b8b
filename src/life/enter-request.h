#ifndef KELP_LIFE_ENTER_REQUEST_H
#define KELP_LIFE_ENTER_REQUEST_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What `kelp exec` asks for, as it lies in the memfd of CONTROL_EXEC: a list of texts, each with its
 * zero byte, the first of which names the version.  Both sides may be of different versions of kelp:
 * who does not know a version says so.
 */

#define ENTER_REQUEST_MAX ((size_t)4 << 20)

struct enter_request {
        bool wants_tty;
        const char *user;        /* USER[:GROUP]; NULL: the sandbox's own */
        const char *workdir;     /* absolute; NULL: the sandbox's own */
        const char *const *argv; /* NULL-terminated */
        size_t n_args;           /* at least 1 */
        const char *const *env;  /* NAME=VALUE, or NAME: to be taken away; NULL-terminated */
        size_t n_env;
};

/* The descriptor of a memfd with it, for the caller to close. */
int enter_request_write(const struct enter_request *r, struct err *e);

/* Errors: EBADMSG when it is not one. */
int enter_request_read(int memfd, struct arena *a, struct enter_request *ret, struct err *e);

#endif
