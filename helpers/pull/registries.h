#ifndef KELP_PULL_REGISTRIES_H
#define KELP_PULL_REGISTRIES_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * registries.conf:
 *
 *     # a comment
 *     [docker.io]                           a registry, as in names: HOST or HOST:PORT
 *     mirror = https://mirror.example/path  asked first; several are asked in their order
 *     insecure = yes                        plain HTTP is allowed for the registry itself
 *     ca = /path/to/ca.pem                  certificates that are trusted for it
 *
 * The file of the machine is read first, then the user's own: what that one says of a registry
 * takes the place of all that the other one says of it.
 */

#define REGISTRIES_MAX         200
#define REGISTRIES_MAX_MIRRORS 8
#define REGISTRIES_MAX_TEXT    ((size_t)256 * 1024)

struct registry {
        const char *host;
        const char *mirrors[REGISTRIES_MAX_MIRRORS]; /* URLs without a slash at the end */
        size_t n_mirrors;
        bool is_insecure;
        const char *ca;
        const char *file; /* the file that it comes from */
};

struct registries {
        struct arena arena;
        struct registry *items;
        size_t n;
};

/* Adds what `text` says; it is changed.  Errors begin with "FILE:LINE: ". */
int registries_read(struct registries *r, char *text, const char *file, struct err *e);

/* Reads both files, where they are; `config_dir` is the user's, or NULL. */
int registries_load(struct registries *r, const char *config_dir, struct err *e);

/* NULL: nothing is said of it. */
const struct registry *registries_find(const struct registries *r, const char *host);

void registries_done(struct registries *r);

#define autoregistries __attribute__((cleanup(registries_done))) struct registries

#endif
