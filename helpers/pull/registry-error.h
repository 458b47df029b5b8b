#ifndef KELP_PULL_REGISTRY_ERROR_H
#define KELP_PULL_REGISTRY_ERROR_H

#include "client.h"
#include "err.h"

/* What was asked for: what the lack of it means depends on that. */
enum registry_thing {
        REGISTRY_TOKEN,
        REGISTRY_TAG,    /* the image that a tag stands for */
        REGISTRY_DIGEST, /* an image by its digest */
        REGISTRY_PART,   /* a blob of an image, or the manifest that an index has */
};

/*
 * What a registry says when it refuses: a status, and often {"errors": [{"code", "message"}]}
 * (distribution-spec, "Error Codes").  `what` is what the message calls the thing.  Returns -e->code.
 */
int registry_error_tell(const struct client *c, enum registry_thing thing, const char *what,
                        const struct reply *reply, struct err *e);

/* The first code and message of such a body; "" for none.  Pure. */
struct registry_error {
        char code[64];
        char message[200];
};

void registry_error_read(const char *text, size_t len, struct registry_error *ret);

#endif
