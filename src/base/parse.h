#ifndef KELP_BASE_PARSE_H
#define KELP_BASE_PARSE_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Strict readers of small values.  Each takes the whole text or none of it: no leading sign or
 * space, no trailing text, no default.  All return -EINVAL or -ERANGE with a text that names the
 * value; *ret is written only on success.
 */

/* Decimal digits only, from `min` to `max`. */
int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct err *e);

/* Octal digits only, up to 07777. */
int parse_mode(const char *text, unsigned *ret, struct err *e);

/* Bytes: a number and one of b k m g t (powers of 1024, any case, "kb" and "kib" too). */
int parse_size(const char *text, uint64_t *ret_bytes, struct err *e);

/* A time in nanoseconds: "10", "1.5s", "300ms", "5m", "2h", "1d"; no unit means seconds. */
int parse_duration(const char *text, uint64_t *ret_ns, struct err *e);

/* yes/no, true/false, on/off, 1/0. */
int parse_bool(const char *text, bool *ret, struct err *e);

/* A signal by number (1..64) or by name, with or without "SIG", any case. */
int parse_signal(const char *text, int *ret, struct err *e);

/* The name of a signal without "SIG", or NULL. */
const char *parse_signal_name(int number);

/* Whether `name` is a host name as sethostname and DNS take it: LDH labels, at most 64 bytes. */
bool parse_is_host_name(const char *name);

#endif
