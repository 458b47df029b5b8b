#ifndef KELP_IMAGE_DIGEST_H
#define KELP_IMAGE_DIGEST_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/* SHA-256, the one algorithm of the store.  In memory a digest is its 64 lower-case hex digits. */

#define DIGEST_HEX 64

struct digest {
        char hex[DIGEST_HEX + 1]; /* "" for none */
};

/* Whether `text` is exactly 64 lower-case hex digits. */
bool digest_is_hex(const char *text);

/* Reads "sha256:" and 64 lower-case hex digits; anything else is EINVAL (the OCI image spec). */
int digest_parse(const char *text, struct digest *ret, struct err *e);

bool digest_is_same(const struct digest *a, const struct digest *b);

struct hasher {
        void *context; /* NULL: not started */
        bool has_failed;
};

int hasher_start(struct hasher *h, struct err *e);
/* For the next digest, cheaper than another hasher. */
int hasher_restart(struct hasher *h, struct err *e);
void hasher_add(struct hasher *h, const void *data, size_t len);
int hasher_finish(struct hasher *h, struct digest *ret, struct err *e);
void hasher_done(struct hasher *h);

#define autohasher __attribute__((cleanup(hasher_done))) struct hasher

int digest_of(const void *data, size_t len, struct digest *ret, struct err *e);

#endif
