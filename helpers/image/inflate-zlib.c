#include "inflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

struct inflater {
        z_stream z;
};

struct inflater *inflater_make(void)
{
        struct inflater *x = calloc(1, sizeof(*x));

        /* 15 bits of window; 16: with a gzip header and trailer, which is checked */
        if (!x || inflateInit2(&x->z, 15 + 16) == Z_OK)
                return x;
        free(x);
        return NULL;
}

void inflater_free(struct inflater *x)
{
        if (x)
                inflateEnd(&x->z);
        free(x);
}

int inflater_begin(struct inflater *x, struct err *e)
{
        return inflateReset(&x->z) == Z_OK ? 0 : err_set(e, EINVAL, "zlib cannot start");
}

int inflater_step(struct inflater *x, struct codec_blocks *b, bool *ret_is_end, struct err *e)
{
        z_stream *z = &x->z;

        z->next_in = (Bytef *)b->in;
        z->avail_in = (uInt)b->in_len;
        z->next_out = b->out;
        z->avail_out = (uInt)b->out_len;
        int r = inflate(z, Z_NO_FLUSH);
        codec_take(b, b->in_len - z->avail_in, b->out_len - z->avail_out);
        *ret_is_end = r == Z_STREAM_END;
        switch (r) {
        case Z_OK:
        case Z_BUF_ERROR:
        case Z_STREAM_END:
                return 0;
        case Z_MEM_ERROR:
                return err_set(e, ENOMEM, "out of memory");
        default:
                return err_set(e, EINVAL, "the gzip stream is damaged: %s",
                               z->msg ? z->msg : "zlib gives no reason");
        }
}
