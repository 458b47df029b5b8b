#ifndef KELP_LIFE_LEARN_INNER_H
#define KELP_LIFE_LEARN_INNER_H

#include "learn.h"

/* What the parts of learn.h have in common. */

int learn_add_line(struct learn *l, enum learn_key key, bool if_exists, const char *value,
                   const char *reason, struct err *e);
int learn_note_secret(struct learn *l, const char *text, struct err *e);
int learn_note_refused(struct learn *l, const char *text, struct err *e);

/* `text` so that it may stand in a comment or on a terminal, in the arena. */
const char *learn_safe(struct learn *l, const char *text, struct err *e);

/* "~/a" for what lies in the home, as a policy has it. */
const char *learn_short(struct learn *l, const struct learn_context *c, const char *path,
                        struct err *e);

/* Whether the base policy lets a command do that already. */
bool learn_is_given(const struct plan *base, const char *path, char access);

/* Nothing that a policy could give: a sandbox has its own there. */
bool learn_is_own(const char *path);

/* The hidden path of the base that `path` is in; or `path` itself if it looks like a secret. */
const char *learn_find_secret(const struct plan *base, const char *path);

/* Whether what is written there is run or obeyed outside of a sandbox, later. */
bool learn_acts_outside(const struct plan *base, const char *path);

/* What is granted as a whole, and what was used and granted, or left out, there and elsewhere. */
struct learn_shown {
        const char *dir;
        char access;
        bool is_directory;       /* there is one of that name already */
        const char *const *used; /* clean paths */
        size_t n_used;
        const char *const *secrets;
        size_t n_secrets;
};

/*
 * Lines that hide what looks like a secret there.  *ret_why is set, behind a colon, where they cannot
 * be made: then it cannot be granted.
 */
int learn_hide_in_shown(struct learn *l, const struct learn_context *c,
                        const struct learn_shown *shown, const char **ret_why, struct err *e);

/* Lines that keep what takes effect outside as it is in a directory that is granted as a whole. */
int learn_protect_in_shown(struct learn *l, const struct learn_context *c, const char *dir,
                           struct err *e);

/* Lines, secrets and refusals of paths; of hosts; of calls. */
int learn_settle_paths(struct learn *l, const struct learn_context *c, struct err *e);
int learn_settle_hosts(struct learn *l, struct err *e);
int learn_settle_calls(struct learn *l, struct err *e);

/* Whether a group of calls is one that a learnt policy refuses where it was not used. */
bool learn_is_optional_group(const char *name);

enum learn_owner {
        LEARN_OWN_NOBODYS,  /* of no program in particular: what was used in it decides */
        LEARN_OWN_PROGRAMS, /* one program's: ~/.cache/NAME, ~/.npm, ~/.toolrc */
        LEARN_OWN_SHARED,   /* ~/.config: many programs have theirs in it */
};

/*
 * To whom `path`, which lies in the home `home`, belongs; where that is plain for a program, *ret is
 * the directory or file to be granted with it.  e->code tells of an error.
 */
enum learn_owner learn_find_owner(struct arena *a, const char *home, const char *path,
                                  const char **ret, struct err *e);

/* A value as the reader of policies takes it back; NULL with e->code 0: it cannot be written. */
const char *learn_quote(struct learn *l, const struct learn_context *c,
                        const struct learn_line *line, struct err *e);

/* The line in its place then. */
#define LEARN_NO_VALUE "# a name that no policy can have was left out\n"

const char *learn_section_name(enum learn_key key);
const char *learn_key_name(enum learn_key key);

#endif
