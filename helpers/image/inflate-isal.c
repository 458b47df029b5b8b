/*
 * ISA-L can read the header of gzip by itself, but forgets its flags when it is split between two
 * blocks, and takes flags that mean nothing.  So the header is read here, by its other function, to
 * its end; the data and the trailer are its business.
 */

#include "inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

/* RFC 1952, 2.3.1.2: "must be zero" */
#define RESERVED_FLAGS 0xe0u

struct inflater {
        struct inflate_state state;
        struct isal_gzip_header header;
        bool has_header;
};

struct inflater *inflater_make(void)
{
        return calloc(1, sizeof(struct inflater));
}

void inflater_free(struct inflater *x)
{
        free(x);
}

int inflater_begin(struct inflater *x, struct err *e)
{
        (void)e;
        isal_inflate_init(&x->state);
        /* the trailer is looked at, the header is not */
        x->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
        x->header = (struct isal_gzip_header){ 0 };
        x->has_header = false;
        return 0;
}

static const char *reason(int r)
{
        switch (r) {
        case ISAL_INVALID_BLOCK:
                return "invalid block";
        case ISAL_INVALID_SYMBOL:
                return "invalid code";
        case ISAL_INVALID_LOOKBACK:
                return "invalid distance too far back";
        case ISAL_INVALID_WRAPPER:
                return "incorrect header check";
        case ISAL_UNSUPPORTED_METHOD:
                return "unknown compression method";
        case ISAL_INCORRECT_CHECKSUM:
                return "incorrect data check";
        default:
                return "ISA-L gives no reason";
        }
}

static int damaged(const char *why, struct err *e)
{
        return err_set(e, EINVAL, "the gzip stream is damaged: %s", why);
}

static int read_header(struct inflater *x, struct err *e)
{
        int r = isal_read_gzip_header(&x->state, &x->header);

        /* known before the rest is */
        if (x->header.flags & RESERVED_FLAGS)
                return damaged("unknown header flags set", e);
        if (r == ISAL_INCORRECT_CHECKSUM)
                return damaged("header crc mismatch", e);
        if (r < 0)
                return damaged(reason(r), e);
        /* above 0: there is more of it to come */
        x->has_header = r == ISAL_DECOMP_OK;
        return 0;
}

static int inflate_data(struct inflater *x, struct err *e)
{
        int r = isal_inflate(&x->state);

        return r < 0 ? damaged(reason(r), e) : 0;
}

int inflater_step(struct inflater *x, struct codec_blocks *b, bool *ret_is_end, struct err *e)
{
        struct inflate_state *s = &x->state;

        s->next_in = (uint8_t *)b->in;
        s->avail_in = (uint32_t)b->in_len;
        s->next_out = b->out;
        s->avail_out = (uint32_t)b->out_len;
        int r = x->has_header ? inflate_data(x, e) : read_header(x, e);
        codec_take(b, b->in_len - s->avail_in, b->out_len - s->avail_out);
        *ret_is_end = r == 0 && s->block_state == ISAL_BLOCK_FINISH;
        return r;
}
