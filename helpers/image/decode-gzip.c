/*
 * gzip: members, one behind the other.  What else is behind a member (padding, junk) means nothing,
 * as to gzip itself.  Source: RFC 1952.
 */

#include "inflate.h"

#include <errno.h>

struct gunzip {
        struct inflater *inflater;
        bool is_in_member;
        bool is_behind_one;
};

static int start_gzip(void *state, struct err *e)
{
        struct gunzip *g = state;

        g->inflater = inflater_make();
        return g->inflater ? 0 : err_set(e, ENOMEM, "out of memory");
}

static int step_gzip(void *state, struct codec_blocks *b, struct err *e)
{
        struct gunzip *g = state;
        bool is_end = false;

        if (!g->is_in_member) {
                b->is_over = g->is_behind_one && (b->in_len == 0 || b->in[0] != 0x1f);
                if (b->is_over)
                        return 0;
                if (inflater_begin(g->inflater, e) < 0)
                        return -e->code;
                g->is_in_member = true;
        }
        if (inflater_step(g->inflater, b, &is_end, e) < 0)
                return -e->code;
        if (is_end) {
                g->is_in_member = false;
                g->is_behind_one = true;
        }
        return 0;
}

static void done_gzip(void *state)
{
        struct gunzip *g = state;

        inflater_free(g->inflater);
}

const struct codec codec_gzip = {
        .state_size = sizeof(struct gunzip),
        .start = start_gzip,
        .step = step_gzip,
        .done = done_gzip,
};
