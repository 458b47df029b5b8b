#ifndef KELP_PLAN_IMAGE_H
#define KELP_PLAN_IMAGE_H

#include "apply.h"

/*
 * What an image's config asks for, as kelp-image writes it once at import:
 *
 *      [image]
 *      id = sha256:HEX
 *      layer = HEX          each, lowest first
 *      [run]
 *      env = NAME=VALUE     each
 *      entrypoint = WORD    each
 *      command = WORD       each
 *      workdir = PATH
 *      user = USER[:GROUP]
 *      stop-signal = SIGNAL
 *      expose = PORT/tcp
 *
 * A value is everything behind "= ", with \\, \n, \r, \t and \xHH for what a line cannot hold.
 */
int image_apply(struct assembly *a, const char *text, const char *name, struct err *e);

#endif
