#ifndef KELP_BASE_CALL_TABLE_H
#define KELP_BASE_CALL_TABLE_H

#include "call-word.h"
#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is said of every system call: the [syscalls] of all files that count, put together.  Answers
 * are SECCOMP_RET_* of seccomp(2).
 *
 * Files are applied one after the other, call_table_next_layer() before each; a later one wins.
 * The words of one file are applied mode by mode in the order of `enum call_mode`, so that deny wins
 * over allow whatever the order of the lines is: a second line can only tighten.  A word with
 * arguments is an exception to what is said of its call as a whole, in its file and in earlier
 * ones; a later file that names the whole call takes it away.  Of exceptions that hold, those of later
 * files are tried first, in one file those that deny, and the first decides.
 *
 * This says nothing of the rules in call-rules.h, which stand behind every "allowed".
 */

/* Numbers from here on do not exist, and get the default answer. */
#define CALL_TABLE_MAX       CALL_WORD_MAX_NUMBER
#define CALL_TABLE_MAX_ROWS  1000
#define CALL_TABLE_MAX_LINES 250000

enum call_mode {
        CALL_DEFAULT,
        CALL_ALLOW,
        CALL_DENY,
        CALL_LOG,  /* of what is allowed: also written to the kernel's log */
        CALL_FAKE, /* of what is allowed: answered with success and not done, by --fake-root */
        CALL_N_MODES,
};

struct call_line {
        enum call_mode mode;
        const char *word;
        const char *origin; /* "my.policy:12"; words and origins live as long as the arena */
        bool only_tightens; /* a deny leaves "kill" as it is: an error would be less */
};

/* An exception for certain arguments. */
struct call_row {
        int nr;
        uint8_t layer;
        bool is_deny;
        uint32_t action; /* of one that does not deny: SECCOMP_RET_ALLOW */
        struct call_cond conds[CALL_WORD_MAX_CONDS];
        size_t n_conds;
        const char *word;
        const char *origin;
};

/* Compact: a policy of a user's own has one filled at each start. */
struct call_table {
        struct arena *arena; /* of the caller, who sets it: rows and lines */
        uint32_t fallback;   /* of what nothing names */
        const char *fallback_origin;
        uint32_t actions[CALL_TABLE_MAX]; /* by number, whatever the arguments are */
        uint32_t by_line[CALL_TABLE_MAX]; /* call_table_line() */
        uint8_t layers[CALL_TABLE_MAX];   /* which named the whole call last */
        bool is_named[CALL_TABLE_MAX];    /* else `actions` holds the fallback */
        bool is_logged[CALL_TABLE_MAX];   /* what is allowed of it is logged */
        bool is_fake[CALL_TABLE_MAX];     /* what `fake` names, in every variant */
        bool has_fakes;
        bool fakes; /* call_table_fake() was called */
        bool has_default;
        uint8_t layer;
        struct call_row *rows; /* in the order in which they are tried; see call_row_counts() */
        size_t n_rows;
        struct call_line *lines; /* those that named whole calls */
        size_t n_lines;
};

/* The vocabulary: the calls that a word means, numbers that live as long as `user`. */
struct call_words {
        int (*find)(void *user, const struct call_word *word, const int **ret_numbers,
                    size_t *ret_n, struct err *e);
        void *user;
        const uint16_t *answers; /* by number: the errno of a refusal that names none */
};

/* A zeroed table with an arena is empty. */

/* Errors: E2BIG, too many files. */
int call_table_next_layer(struct call_table *t, struct err *e);

/* Applies one line.  The error has its origin in front; the table is then as it was. */
int call_table_apply(struct call_table *t, const struct call_words *words,
                     const struct call_line *line, struct err *e);

/* --allow-userns, after all files: allows the calls of `group`, whatever they say. */
int call_table_allow(struct call_table *t, const struct call_words *words, const char *group,
                     const char *origin, struct err *e);

/* --fake-root, last of all: what any file refuses stays refused. */
void call_table_fake(struct call_table *t);

/* Gives what nothing names the default. */
void call_table_finish(struct call_table *t);

/* What "allowed" is for call `nr`: SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, or faked. */
uint32_t call_table_allowed(const struct call_table *t, int nr);

/* The line that named the whole call `nr` last, or NULL. */
const struct call_line *call_table_line(const struct call_table *t, int nr);

/* Whether `action` lets the call through to the kernel. */
bool call_table_is_passed(uint32_t action);

/* "allow", "log", "fake" (success, undone), "kill", or the name of an error. */
const char *call_action_name(uint32_t action);

/* Whether the exception still is one: no later file has named its whole call. */
bool call_row_counts(const struct call_table *t, const struct call_row *row);

#endif
