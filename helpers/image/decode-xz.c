/* xz: streams, one behind the other, and their padding.  Source: the .xz file format, 1.1.0. */

#include "decode-inner.h"
#include "limit.h"

#include <errno.h>
#include <lzma.h>

/* The dictionary, and what the decoder takes for itself. */
#define MEMORY (LIMIT_WINDOW + (1u << 20))

static int start_xz(void *state, struct err *e)
{
        /* a check that cannot be made is one that is not made, unless it is asked for */
        const uint32_t flags = LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK;

        if (lzma_stream_decoder(state, MEMORY, flags) != LZMA_OK)
                return err_set(e, ENOMEM, "out of memory");
        return 0;
}

static int needs_memory(const lzma_stream *xz, struct err *e)
{
        err_set(e, DECODE_MEMORY_ERROR,
                "the xz stream takes %llu MiB of memory, and the limit is %llu MiB",
                codec_mib(lzma_memusage(xz)), codec_mib(MEMORY));
        return err_hint(e, "xz -dc FILE | kelp import - NAME");
}

static int judge(const lzma_stream *xz, lzma_ret r, struct err *e)
{
        switch ((int)r) {
        case LZMA_MEMLIMIT_ERROR:
                return needs_memory(xz, e);
        case LZMA_MEM_ERROR:
                return err_set(e, ENOMEM, "out of memory");
        case LZMA_UNSUPPORTED_CHECK:
                return err_set(e, ENOTSUP, "the xz stream has a check that liblzma cannot make");
        case LZMA_OPTIONS_ERROR:
                return err_set(e, ENOTSUP, "the xz stream takes what this liblzma does not have");
        case LZMA_FORMAT_ERROR:
                return err_set(e, EINVAL, "the xz stream is damaged: it has no header");
        default:
                return err_set(e, EINVAL, "the xz stream is damaged");
        }
}

static int step_xz(void *state, struct codec_blocks *b, struct err *e)
{
        lzma_stream *xz = state;

        xz->next_in = b->in;
        xz->avail_in = b->in_len;
        xz->next_out = b->out;
        xz->avail_out = b->out_len;
        lzma_ret r = lzma_code(xz, b->is_last ? LZMA_FINISH : LZMA_RUN);
        codec_take(b, b->in_len - xz->avail_in, b->out_len - xz->avail_out);
        b->is_over = r == LZMA_STREAM_END;
        /* LZMA_BUF_ERROR: that nothing was done is for the caller to see */
        return r == LZMA_OK || r == LZMA_STREAM_END || r == LZMA_BUF_ERROR ? 0 : judge(xz, r, e);
}

static void done_xz(void *state)
{
        lzma_end(state);
}

const struct codec codec_xz = {
        .state_size = sizeof(lzma_stream),
        .start = start_xz,
        .step = step_xz,
        .done = done_xz,
};
