#ifndef KELP_LIFE_RELAY_H
#define KELP_LIFE_RELAY_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies between the user and the master side of the payload's terminal, a page at a time, with
 * back-pressure both ways: nothing is read that could not be written yet.
 */

/* A pipe that poll(2) calls writable takes this much without blocking: PIPE_BUF. */
#define RELAY_CHUNK 4096

/*
 * How long nothing must have happened before the end of the input is told once more; each repeat
 * waits twice as long as the one before, about a minute in all.
 */
#define RELAY_PATIENCE_MS 250
#define RELAY_REPEATS     8

struct relay_way {
        size_t at;
        size_t len; /* what is left to write is [at, len) */
        char data[RELAY_CHUNK];
};

/* How the payload's terminal took its input when it was last told that there is no more. */
enum relay_told {
        RELAY_TOLD_NOTHING,
        RELAY_TOLD_LINES,
        RELAY_TOLD_RAW,
};

struct relay {
        int master;      /* -1: hung up */
        int input;       /* -1: none, or it ended */
        int output;      /* -1: none, or nobody takes it any more */
        bool may_block;  /* writing to `output` may, beyond what poll(2) promises */
        bool is_tty;     /* `input` is the user's terminal: its end is a hang-up */
        bool undoes_crs; /* the user's terminal makes CR LF of LF by itself, as the pty did */
        bool has_cr;     /* a CR that was last in a chunk waits for what comes after it */
        bool ended_line; /* the last byte of input was a newline, or there was none */
        bool is_ended;   /* there is no more input, which the payload is told */
        enum relay_told told;
        unsigned n_repeats; /* of the end, since the terminal last changed its mode */
        struct relay_way in;
        struct relay_way out;
};

enum relay_result {
        RELAY_IDLE,        /* nothing to do now */
        RELAY_MOVED,       /* there may be more */
        RELAY_INPUT_LOST,  /* the user's terminal is gone */
        RELAY_OUTPUT_LOST, /* nobody reads what we write */
        RELAY_FINISHED,    /* the payload's side is closed and all it wrote is copied */
};

/* One step of the payload's output: writes what is left, else reads and writes. */
enum relay_result relay_output(struct relay *r);

/* One step of the user's input. */
enum relay_result relay_input(struct relay *r);

/*
 * No more input: tells the payload with the terminal's end-of-file character, as typing would, and
 * once more each time its terminal has changed between lines and raw mode since.  A shell with a
 * line editor does so for every command, and the kernel turns an end-of-file that nobody has read
 * into an ordinary character then.
 */
void relay_end_input(struct relay *r);

/*
 * The kernel gives what is typed to the line discipline later than the write: the terminal may have
 * changed to the other mode and back by then, and the end-of-file is no end-of-file any more.  So,
 * after a quiet while, the end is told again: to whoever reads on, each read of an ended input is an
 * end.  Bounded, because a program in raw mode may take the character for a command.
 *
 * relay_patience() returns how long that while is, in milliseconds, or -1: not needed.
 */
int relay_patience(const struct relay *r);
void relay_repeat_end(struct relay *r);

/* What to wait for, as of poll(2). */
short relay_master_events(const struct relay *r);

static inline bool relay_takes_input(const struct relay *r)
{
        return r->in.at == r->in.len;
}

static inline bool relay_has_output(const struct relay *r)
{
        return r->out.at < r->out.len;
}

#endif
