#include "same.h"

#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Two of them stay in a core's own cache. */
#define CHUNK (64u << 10)

struct compare {
        const struct region *a;
        const struct region *b;
        atomic_uint_least64_t next; /* the chunk that nobody has taken */
        atomic_bool differs;
};

struct half {
        struct compare *compare;
        struct err err;
};

static int compare_chunk(struct compare *c, uint64_t at, char *x, char *y, struct err *e)
{
        ssize_t n = stream_read_region(c->a, at, x, CHUNK, e);

        if (n < 0 || stream_read_region(c->b, at, y, CHUNK, e) < 0)
                return -e->code;
        if (memcmp(x, y, (size_t)n) != 0)
                atomic_store(&c->differs, true);
        return 0;
}

static void *compare_main(void *context)
{
        struct half *half = context;
        struct compare *c = half->compare;
        autofree char *buffer = mem_alloc((size_t)2 * CHUNK, &half->err);

        while (buffer && !atomic_load(&c->differs)) {
                uint64_t at = atomic_fetch_add(&c->next, 1) * CHUNK;

                if (at >= c->a->size ||
                    compare_chunk(c, at, buffer, buffer + CHUNK, &half->err) < 0)
                        break;
        }
        return NULL;
}

int same_bytes(const struct region *a, const struct region *b, bool *ret, struct err *e)
{
        struct compare c = { .a = a, .b = b };
        struct half own = { .compare = &c };
        struct half other = { .compare = &c };
        pthread_t thread;

        *ret = false;
        if (a->size != b->size)
                return 0;
        int r = pthread_create(&thread, NULL, compare_main, &other);
        if (r != 0)
                return err_set(e, r, "cannot start a thread: %s", err_name(r));
        compare_main(&own);
        pthread_join(thread, NULL);
        if (own.err.code || other.err.code) {
                *e = own.err.code ? own.err : other.err;
                return -e->code;
        }
        *ret = !atomic_load(&c.differs);
        return 0;
}
