#ifndef KELP_OCI_NOTICE_H
#define KELP_OCI_NOTICE_H

#include "err.h"

/*
 * What a container goes on without is said, by whoever finds it out: `say` reaches the log of the
 * command, from the processes of a launch by their conversation (talk.h).
 */
struct notice {
        void (*say)(void *user, const char *text);
        void (*debug)(void *user, const char *text); /* NULL: nobody wants to know that much */
        void *user;
};

void notice_say(const struct notice *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * What makes no difference but for who looks for a reason, or what is so in every container of a normal
 * user: the log of a create is the container's own for an engine, and other runtimes say nothing there.
 */
void notice_debug(const struct notice *n, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

/* The text of `e`, ", ignoring" behind it; and empties it. */
void notice_ignore(const struct notice *n, struct err *e);

#endif
