/*
 * zstd: frames, one behind the other, and such as are to be skipped.  Source: RFC 8878.
 *
 * libzstd says that a window is too large but not how large it is, so the beginning of each frame is
 * kept to ask it.  It also reads the formats from before the first version, and there no limit of
 * the window holds: they are kept from it, by the first byte.
 */

#include "decode-inner.h"
#include "limit.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG 25
static_assert(1u << WINDOW_LOG == LIMIT_WINDOW, "libzstd wants the logarithm of the limit");

#define HEAD_MAX 18 /* ZSTD_FRAMEHEADERSIZE_MAX */

struct unzstd {
        ZSTD_DCtx *context;
        unsigned char head[HEAD_MAX]; /* of the frame that is read */
        size_t head_len;              /* 0: none is read, one may begin */
        bool is_behind_one;
};

static int start_zstd(void *state, struct err *e)
{
        struct unzstd *z = state;

        z->context = ZSTD_createDCtx();
        if (!z->context ||
            ZSTD_isError(ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, WINDOW_LOG)))
                return err_set(e, ENOMEM, "out of memory");
        return 0;
}

static size_t keep_head(struct unzstd *z, const unsigned char *in, size_t len)
{
        size_t room = HEAD_MAX - z->head_len;
        size_t n = len < room ? len : room;

        memcpy(z->head + z->head_len, in, n);
        return n;
}

/* `n` bytes, the lowest first. */
static uint64_t read_number(const unsigned char *at, size_t n)
{
        uint64_t number = 0;

        while (n-- > 0)
                number = number << 8 | at[n];
        return number;
}

/* RFC 8878, 3.1.1.1.  A single segment has no window: the whole content is it. */
static uint64_t window_of(const unsigned char head[static HEAD_MAX])
{
        static const size_t id_sizes[] = { 0, 1, 2, 4 };
        static const size_t content_sizes[] = { 1, 2, 4, 8 };
        unsigned flags = head[4];
        const unsigned char *at = head + 5;

        if (flags & 0x20) {
                size_t n = content_sizes[flags >> 6];

                at += id_sizes[flags & 3];
                return read_number(at, n) + (n == 2 ? 256 : 0);
        }
        uint64_t base = (uint64_t)1 << (10 + (*at >> 3));
        return base + base / 8 * (*at & 7);
}

static int needs_memory(const struct unzstd *z, struct err *e)
{
        err_set(e, DECODE_MEMORY_ERROR,
                "the zstd stream takes a window of %llu MiB, and the limit is %llu MiB",
                codec_mib(window_of(z->head)), codec_mib(LIMIT_WINDOW));
        return err_hint(e, "zstd -dc --long=31 FILE | kelp import - NAME");
}

static int judge(const struct unzstd *z, size_t r, struct err *e)
{
        switch ((int)ZSTD_getErrorCode(r)) {
        case ZSTD_error_frameParameter_windowTooLarge:
                return needs_memory(z, e);
        case ZSTD_error_memory_allocation:
                return err_set(e, ENOMEM, "out of memory");
        default:
                return err_set(e, EINVAL, "the zstd stream is damaged: %s", ZSTD_getErrorName(r));
        }
}

/* Its magic number, or that of one to skip.  The rest of it is for libzstd to see. */
static bool may_be_frame(unsigned char first)
{
        return first == 0x28 || (first & 0xf0) == 0x50;
}

static int step_zstd(void *state, struct codec_blocks *b, struct err *e)
{
        struct unzstd *z = state;
        ZSTD_inBuffer in = { b->in, b->in_len, 0 };
        ZSTD_outBuffer out = { b->out, b->out_len, 0 };

        b->is_over = z->head_len == 0 && z->is_behind_one && b->in_len == 0;
        if (b->is_over)
                return 0;
        if (z->head_len == 0 && b->in_len > 0 && !may_be_frame(b->in[0]))
                return err_set(e, EINVAL, "the zstd stream is damaged: Unknown frame descriptor");
        size_t kept = keep_head(z, b->in, b->in_len);
        size_t r = ZSTD_decompressStream(z->context, &out, &in);
        if (ZSTD_isError(r))
                return judge(z, r, e);
        /* what it did not take of them comes again */
        z->head_len += in.pos < kept ? in.pos : kept;
        codec_take(b, in.pos, out.pos);
        if (r == 0) {
                z->head_len = 0;
                z->is_behind_one = true;
        }
        return 0;
}

static void done_zstd(void *state)
{
        struct unzstd *z = state;

        ZSTD_freeDCtx(z->context);
}

const struct codec codec_zstd = {
        .state_size = sizeof(struct unzstd),
        .start = start_zstd,
        .step = step_zstd,
        .done = done_zstd,
};
