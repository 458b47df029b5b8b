#ifndef KELP_TESTS_PROBE_H
#define KELP_TESTS_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The probe looks at a sandbox from inside.  It is static and uses nothing of kelp's own code, so
 * that a mistake there cannot hide itself.
 *
 * A check has items.  An item that is closed prints "ok CHECK: item (why)", one that leads out
 * prints "open CHECK: item (why)".  Where the host itself refuses a plain user too, so that no run
 * without a sandbox can show the item open, a closed item prints "also" instead of "ok".  So a
 * check is known to see something when, under its negative control, no line begins with "ok".
 */

struct report {
        const char *check;
        unsigned n_closed;
        unsigned n_open;
        bool is_quiet;
};

/* KEY=VALUE arguments: what the host side knows and the inside cannot. */
struct facts {
        int n;
        char **items;
};

struct check {
        const char *name;
        const char *control; /* what it runs under to be open: see tests/escape/controls.bash */
        const char *needs;   /* facts it cannot do without, by comma */
        void (*run)(struct report *r, const struct facts *f);
};

extern const struct check checks_self[];
extern const struct check checks_namespaces[];
extern const struct check checks_mounts[];
extern const struct check checks_files[];
extern const struct check checks_proc[];
extern const struct check checks_inherit[];
extern const struct check checks_calls[];
extern const struct check checks_kernel[];
extern const struct check checks_sockets[];
extern const struct check checks_reach[];

const char *fact(const struct facts *f, const char *key);
const char *fact_or(const struct facts *f, const char *key, const char *otherwise);
unsigned long fact_number(const struct facts *f, const char *key, int base,
                          unsigned long otherwise);

/* Is `word` one of the comma-separated words of `list`? */
bool list_has(const char *list, const char *word);

/* Calls `fn` for each comma-separated word of `list`; NULL is empty. */
void list_each(const char *list, void (*fn)(const char *word, void *arg), void *arg);

enum proof {
        PROVABLE,   /* open under the control */
        UNPROVABLE, /* the host refuses it to a plain user as well */
};

__attribute__((format(printf, 4, 5))) void report_item(struct report *r, bool is_open,
                                                       enum proof proof, const char *fmt, ...);

/* What came of an attempt made in a child, so that it cannot change or kill the probe. */
struct outcome {
        int err;     /* 0: it worked */
        int sig;     /* it was killed by this signal */
        long result; /* of a call that worked */
};

typedef long attempt_fn(void *arg); /* -1 with errno set, or what a call returned */

struct outcome attempt(attempt_fn *fn, void *arg);
const char *outcome_text(const struct outcome *o);

/* A raw system call; name and six arguments. */
struct call {
        const char *name;
        long nr;
        enum proof proof;
        long args[6];
};

struct outcome attempt_call(const struct call *c);

/* Refused by policy: EPERM, EACCES, ENOSYS or SIGSYS; any other error shows that it was reached. */
bool is_denied(const struct outcome *o);

void expect_denied(struct report *r, enum proof proof, const char *what, attempt_fn *fn, void *arg);
void expect_calls_denied(struct report *r, const struct call *calls);

/* It must fail, no matter how. */
void expect_fails(struct report *r, enum proof proof, const char *what, attempt_fn *fn, void *arg);

/* Reads a file into `buf`, which ends in a NUL; returns the bytes read or -1 with errno set. */
long read_text(const char *path, char *buf, size_t size);

/* The text behind "NAME:" in /proc/self/status, in a buffer of its own; "" when there is none. */
const char *status_field(const char *name);

/* Calls fn for the name of each entry but "." and ".."; returns -1 with errno set. */
int dir_each(const char *path, void (*fn)(const char *dir, const char *name, void *arg), void *arg);

void print_mounts(void);
int fingerprint(const struct facts *f);
int plant_victims(const char *dir);

#endif
