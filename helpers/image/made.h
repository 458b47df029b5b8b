#ifndef KELP_IMAGE_MADE_H
#define KELP_IMAGE_MADE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * What kelp itself has made in the upper layer of a sandbox that is kept: the list that
 * src/sandbox/made.c writes.
 */

struct made {
        uint64_t ino;
        struct timespec changed; /* of a file */
        bool is_directory;
        const char *path; /* without the slash in front, inside the text */
};

struct made_list {
        char *text;
        struct made *items; /* sorted */
        size_t n;
};

/* Takes over `text`, of `len` bytes. */
int made_parse(char *text, size_t len, struct made_list *ret, struct err *e);

/* Reads `made` in the directory kept/NAME; without the file the list is empty. */
int made_read(int dir, struct made_list *ret, struct err *e);
void made_done(struct made_list *list);

#define automade __attribute__((cleanup(made_done))) struct made_list

/* Whether what is at `path` is what kelp made there, and nobody has changed it since. */
bool made_has(const struct made_list *list, const char *path, const struct stat *st);

#endif
