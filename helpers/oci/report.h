#ifndef KELP_OCI_REPORT_H
#define KELP_OCI_REPORT_H

#include "err.h"
#include "notice.h"

#include <stdbool.h>

/*
 * What kelp-oci says: on standard error, or in the file of --log, as text or as JSON lines with "msg",
 * "level" and "time".  An error also goes to standard error when there is a log file.  main.c and
 * cmd-*.c alone call these.
 */
struct report_spec {
        const char *log; /* host path; NULL: none */
        bool is_json;
        bool is_debug;
};

/* Errors: as open(2), of the log file. */
int report_setup(const struct report_spec *spec, struct err *e);

void report_err(const struct err *e);
void report_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void report_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Says notices as warnings. */
extern const struct notice report_notice;

#endif
