#ifndef KELP_PLAN_CALL_NAMES_H
#define KELP_PLAN_CALL_NAMES_H

#include "call-program.h"
#include "call-table.h"

/*
 * The vocabulary of [syscalls] on this architecture: policies/syscalls.groups and the names that
 * libseccomp knows, put into tables by kelp-seccomp when kelp is built.
 */

/* Without a pointer in it: the launcher, which relocates itself, pays for each of them. */
struct call_name {
        char name[36];
        int number; /* -1: another architecture's */
};

struct call_group {
        char name[28];  /* with its "@" */
        unsigned first; /* in call_group_members */
        unsigned n;
};

/* the generated tables */
extern const struct call_name call_names[]; /* sorted by strcmp(3) */
extern const size_t call_n_names;
extern const struct call_group call_groups[];
extern const size_t call_n_groups;
extern const int call_group_members[];
extern const uint16_t call_answers[CALL_TABLE_MAX]; /* the errno of a refusal */
extern const bool call_is_hot[CALL_TABLE_MAX];      /* as struct call_machine has it */
extern const bool call_is_never[CALL_TABLE_MAX];    /* no policy of a user's own may allow it */
extern const int call_rule_numbers[CALL_RULES_MAX]; /* by row of call_rules; -1: not here */
extern const uint32_t call_arch;                    /* AUDIT_ARCH_* */

/*
 * The `find` of struct call_words; `user` is an int of the caller's, where a number is kept.
 * Errors: ENOENT, with the nearest known word as hint.
 */
int call_names_find(void *user, const struct call_word *word, const int **ret_numbers,
                    size_t *ret_n, struct err *e);

/* The calls of group `name`, "@ipc"; false: there is no such group. */
bool call_names_group(const char *name, const int **ret_numbers, size_t *ret_n);

/* Whether there is such a call or group: 0, or as above. */
int call_names_check(const struct call_word *word, struct err *e);

/* The name of call `number`; NULL: it has none. */
const char *call_names_of(int number);

/* What a filter of this architecture is made for. */
void call_names_machine(struct call_machine *ret);

#endif
