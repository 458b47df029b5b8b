#ifndef KELP_IMAGE_INFLATE_H
#define KELP_IMAGE_INFLATE_H

#include "decode-inner.h"

/*
 * One member of gzip: header, data and trailer, all of them checked.  There are two of it, and meson
 * takes one: inflate-isal.c, which is twice as fast, and inflate-zlib.c.  Where both can know the
 * reason for a refusal they say it in the same words, which are zlib's.  ISA-L also takes some sets
 * of codes that zlib refuses though they are complete for the data at hand; the CRC holds for both.
 */

struct inflater;

/* NULL: out of memory.  The caller's, for inflater_free(). */
struct inflater *inflater_make(void);
void inflater_free(struct inflater *x);

/* For the next member.  The first one needs it, too. */
int inflater_begin(struct inflater *x, struct err *e);

int inflater_step(struct inflater *x, struct codec_blocks *b, bool *ret_is_end, struct err *e);

#endif
