#ifndef KELP_PROXY_JOURNAL_H
#define KELP_PROXY_JOURNAL_H

#include "address.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Every host that is asked for: a line of JSON in the log, and a message on the control socket for
 * those who asked for events.  What a sandbox repeats is told once in a while: it must fill neither
 * the user's disk nor his screen.
 */

#define JOURNAL_MAX_BYTES (64u << 20)
#define JOURNAL_RECENT    256

enum journal_verdict {
        JOURNAL_ALLOWED,
        JOURNAL_REFUSED,
        JOURNAL_FAILED, /* allowed, and could not be reached */
};

struct journal_entry {
        const char *host;
        uint16_t port;                 /* 0: a look-up alone */
        const struct address *address; /* that it led to; NULL: none */
        enum journal_verdict verdict;
        const char *reason;
        bool is_connection; /* has the three below */
        uint64_t bytes_in;  /* to the sandbox */
        uint64_t bytes_out;
        uint64_t ms;
};

struct journal {
        int log;     /* borrowed; -1: none */
        int control; /* borrowed; -1: no events are asked for */
        uint64_t written;
        struct journal_recent {
                uint64_t key;
                uint64_t until;
        } recent[JOURNAL_RECENT];
};

/* The line of the log.  A write that fails ends the log, and is told once. */
void journal_log(struct journal *j, const struct journal_entry *entry);

/* The event.  One that the socket has no room for is lost: nobody waits for a reader. */
void journal_tell(struct journal *j, const struct journal_entry *entry);

/* The event of an answer: which name the made-up `address` (in host order) stands for. */
void journal_tell_made(struct journal *j, const char *name, uint32_t address, uint64_t now);

/* Whether the same was said within ten seconds; if not, it is now.  `now` is in ns. */
bool journal_is_repeated(struct journal *j, const struct journal_entry *entry, uint64_t now);

/* `out` has 2048 bytes.  Returns how many it takes, with the newline.  `time_ms`: since 1970. */
size_t journal_print(const struct journal_entry *entry, uint64_t time_ms, char *out);

#endif
