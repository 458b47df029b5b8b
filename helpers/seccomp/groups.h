#ifndef KELP_SECCOMP_GROUPS_H
#define KELP_SECCOMP_GROUPS_H

#include "call-word.h"
#include "calls.h"
#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * policies/syscalls.groups: the vocabulary of the [syscalls] sections.  Each line is one of
 *
 *     number NAME NUMBER [ARCH]     a call that libseccomp may not know yet
 *     group  @NAME WORD...          adds calls, or all of an earlier group
 *     answer ERRNO WORD...          what these say when a policy refuses them; else EPERM
 *     never  WORD...                what no policy of a user's own may allow
 *     hot    NAME...                calls that deserve a short way through the filter
 *
 * and "#" starts a comment.  A group is complete once another line uses it.
 */

#define GROUPS_MAX_WORD 64

struct group {
        const char *name; /* with its "@" */
        int *members;     /* numbers of this architecture */
        size_t n_members;
        bool is_closed;
};

struct groups {
        struct arena arena;
        struct calls calls;
        struct group *groups;
        size_t n_groups;
        const char **names; /* every name that the file mentions, for "did you mean" */
        size_t n_names;
        uint16_t answers[CALLS_MAX]; /* errno of a refusal */
        bool is_hot[CALLS_MAX];
        bool is_never[CALLS_MAX];
};

/* Reads the file at `path` for `arch`.  *ret is to be freed with groups_done(), also on error. */
int groups_read(struct groups *ret, const char *path, const struct arch *arch, struct err *e);

/*
 * The calls that `word` means: a call's name or an "@group".  *ret_members belongs to `g`.
 * Errors: ENOENT, with the nearest known word as hint.
 */
int groups_lookup(struct groups *g, const char *word, const int **ret_members, size_t *ret_n,
                  struct err *e);

/* The same for a word of a policy, `groups` being a struct groups: the `find` of struct call_words. */
int groups_find(void *groups, const struct call_word *word, const int **ret_members, size_t *ret_n,
                struct err *e);

void groups_done(struct groups *g);

/*
 * Takes the next word off *at; words are separated by spaces, tabs and commas.  NULL at the end.
 */
char *word_next(char **at);

#endif
