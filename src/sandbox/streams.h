#ifndef KELP_SANDBOX_STREAMS_H
#define KELP_SANDBOX_STREAMS_H

#include "plan.h"

#include <stdbool.h>

/*
 * A descriptor carries the mount that it was opened through: by /proc/self/fd a file that came in
 * read-only could be given other modes, times and attributes, or be opened anew for writing.  Each
 * regular file among the standard streams and the kept descriptors that was opened for reading is
 * opened again through a read-only mount of nothing but that file, at the same place.
 *
 * Runs in pid 1 before the pivot, while the file's name still leads to it.  A file without a name
 * has no modes that matter to anybody else: it stays as it is.
 */
int streams_confine(const struct plan *p, struct err *e);

/* Whether there is any that streams_confine() would open again. */
bool streams_need_it(const struct plan *p);

#endif
