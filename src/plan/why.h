#ifndef KELP_PLAN_WHY_H
#define KELP_PLAN_WHY_H

#include "plan.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a plan says to one question, in words: whether it is allowed, which line says so, and what
 * the user can add for it to be allowed.  For paths see why-path.h: they need a look at the host.
 *
 * Only what does allow it is suggested: a suggestion that is added and asked again is a yes.
 */

#define WHY_MAX_TEXT 640

struct why {
        bool is_allowed;
        const char *origin; /* of the line or option that decides; NULL: there is none */
        char origin_text[WHY_MAX_TEXT]; /* of an origin that nobody else keeps */
        char reason[WHY_MAX_TEXT];      /* "hidden": a word or some, without the origin */
        char option[WHY_MAX_TEXT];  /* "--readable ~/.npmrc", as a shell reads it; "": none helps */
        char line[WHY_MAX_TEXT];    /* "[files] readable = ~/.npmrc"; "": none helps */
        char behind[WHY_MAX_TEXT];  /* the file that a policy with it comes behind; "": any */
        char comment[WHY_MAX_TEXT]; /* what else there is to do about it; "": nothing */
};

/*
 * Sets all of *ret but the suggestions, which are emptied.  Of an origin that is neither a line of
 * a policy nor an option nothing is told: the reason has to say all.
 */
void why_say(struct why *ret, bool is_allowed, const char *origin, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/*
 * Suggests an option and a line of a policy ("[files] readable"), each with `value`; NULL: there is
 * none.  What would have to be cut is not suggested.
 */
void why_suggest(struct why *ret, const char *option, const char *key, const char *value);

/*
 * Suggests a line that allows the system call.  A file of its own has no effect in front of the one
 * that denies it, and within that file a deny beats it: so it is said where it has to stand.
 */
void why_suggest_call(struct why *ret, const char *call);

/*
 * Whether a TCP connection to `host`, a name or an address, gets out.  `port` 0 asks for any port.
 * What this host's own addresses are is not known here: with the network `user` those and the link's
 * own stay closed (blocked.h).  Errors: EINVAL for what is neither a name nor an address.
 */
int why_host(const struct plan *p, const char *host, uint16_t port, struct why *ret, struct err *e);

/* Suggests what would allow the host by a rule of its own. */
void why_suggest_host(const struct plan *p, const char *host, uint16_t port, struct why *ret);

/*
 * Whether the system call of that name or number is let through.  `fakes_root` as of
 * plan_fakes_root().  Errors: ENOENT for a name that is not known, with the nearest as hint.
 */
int why_syscall(const struct plan *p, bool fakes_root, const char *call, struct why *ret,
                struct err *e);

#endif
