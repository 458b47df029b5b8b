#ifndef KELP_CLI_QUESTION_H
#define KELP_CLI_QUESTION_H

#include "err.h"
#include "mem.h"
#include "why-path.h"

#include <stddef.h>
#include <stdint.h>

/* The words of `kelp policy why`: PATH [r|w|x], HOST[:PORT] or syscall NAME... */

enum question_kind { QUESTION_PATH, QUESTION_HOST, QUESTION_SYSCALL };

#define QUESTION_MAX_ACCESSES 3

struct question {
        enum question_kind kind;
        const char *text; /* the path as it was typed; the host without its port */
        uint16_t port;    /* 0: any */
        enum why_access accesses[QUESTION_MAX_ACCESSES];
        size_t n_accesses;
        const char *const *calls;
        size_t n_calls;
};

/*
 * What begins with '/', '~' or '.' or has a '/' in it is a path, and so is the name of what is there
 * in the current directory; other words are hosts.
 */
int question_read(struct arena *arena, const char *const *words, size_t n, struct question *ret,
                  struct err *e);

#endif
