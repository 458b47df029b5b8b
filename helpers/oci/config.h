#ifndef KELP_OCI_CONFIG_H
#define KELP_OCI_CONFIG_H

#include "bundle.h"

/*
 * Reads DIR/config.json and judges all of it: what is wrong is one line that names the JSON path
 * ("config.json: process.user.uid: ..."), EINVAL.  *ret, which must be zeroed, belongs to the caller
 * (bundle_done()), also after a failure.  Errors of files as of open(2).
 */
int config_read(const char *dir, struct bundle *ret, struct err *e);

/* The same for a text that was kept (container.h), as read from `dir` at the time. */
int config_read_text(const char *text, size_t len, const char *dir, struct bundle *ret,
                     struct err *e);

/* A process alone, as `exec --process FILE` has it: fills plan.exec, plan.limits and `process`. */
int config_read_process(const char *path, struct bundle *ret, struct err *e);

/* linux.resources alone, as `update --resources FILE` has it ("-": standard input). */
int config_read_resources(const char *path, struct bundle *ret, struct err *e);

/* The same for a text that options of `update` were put into. */
int config_read_resources_text(const char *text, size_t len, struct bundle *ret, struct err *e);

/*
 * The names of config.json for `features` and for messages: the option words of mounts, NULL-terminated.
 */
const char *const *config_mount_options(void);

#endif
