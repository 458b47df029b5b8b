#ifndef KELP_BASE_LOG_H
#define KELP_BASE_LOG_H

#include "err.h"

/*
 * What kelp says, on stderr, one write a line: "kelp: ...", and "hint: ..." where the user can act.
 * Only src/cli, src/life and a helper's main.c call these; everything below returns a struct err.
 * All text is escaped: names in it may come from images, archives and registries.
 */

/* The name before the colon; "kelp" where none was set. */
void log_setup(const char *name);

/* Where to, in the place of standard error; the caller's.  log_was_shared() does nothing then. */
void log_to(int fd);

/*
 * The payload had the stream, too, and may have left it so that nothing arrives: non-blocking, with its
 * end out of reach, or a terminal that hides what is written.  Before the next line it is opened anew
 * where that can be done.  Nothing that was written goes.
 */
void log_was_shared(void);

/* Prints the error, and its hint on the next line. */
void log_err(const struct err *e);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
