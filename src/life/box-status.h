#ifndef KELP_LIFE_BOX_STATUS_H
#define KELP_LIFE_BOX_STATUS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What is known of a sandbox, as lines of "key value".  Texts are escaped for a terminal when they
 * are written, and cut where they do not fit: they are to be shown, not to be run.
 */

#define BOX_ID_SIZE     13   /* 12 digits of hex */
#define BOX_STATUS_SIZE 4096 /* a page: see state_begin_status() */

enum box_phase {
        BOX_STARTING,
        BOX_RUNNING,
        BOX_EXITED,
        BOX_PHASE_COUNT,
};

/* On the sandbox as a whole. */
struct box_limit {
        uint64_t amount; /* 0: none */
        char by[16];     /* who enforces it, as of limit-tier.h; "": nobody has to */
};

struct box_status {
        char id[BOX_ID_SIZE];
        char name[64]; /* "": none */
        enum box_phase phase;
        pid_t supervisor;
        pid_t init;                /* 0: there is none yet */
        uint64_t supervisor_start; /* clock ticks since boot, as of /proc/PID/stat */
        uint64_t init_start;
        int64_t created_s; /* since 1970 */
        int64_t ended_s;   /* 0: it runs */
        int exit_code;     /* what kelp exits with; -1: nobody knows */
        int signal;        /* that ended the command; 0: none */
        char reason[16];   /* "exit", "signal", "timeout", "failed", "lost"; "": it runs */
        bool is_detached;
        bool has_tty;
        bool is_transient; /* goes with its end: in the foreground, or --rm */
        char command[512];
        char policy[256];
        char image[256];            /* "": a view of this host */
        struct box_limit memory;    /* bytes */
        struct box_limit cpus;      /* thousandths of a processor */
        struct box_limit processes; /* of the command's */
};

/* "starting", "running", "exited". */
const char *box_phase_name(enum box_phase phase);

/* Whether `text` is a whole id. */
bool box_is_id(const char *text);

/* Puts `text`, escaped and cut, into a field of `size` bytes. */
void box_status_set_text(char *field, size_t size, const char *text);

/* The words of a command line, as a shell has them: word_quote_command(). */
void box_status_set_command(struct box_status *s, const char *const *argv);

/* Returns the length of the text, which fits always. */
size_t box_status_print(const struct box_status *s, char text[BOX_STATUS_SIZE]);

/* Takes `text` apart in place.  Unknown keys are left alone; a value that cannot be is EBADMSG. */
int box_status_parse(char *text, struct box_status *ret, struct err *e);

#endif
