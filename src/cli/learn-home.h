#ifndef KELP_CLI_LEARN_HOME_H
#define KELP_CLI_LEARN_HOME_H

#include "assemble.h"

/*
 * A home with another file system mounted in it cannot be an overlay as a whole: it is shown in
 * parts.  Directories are overlays by themselves, but for those that the mount lies in; files are
 * read-only, and so is what symlinks lead to.  *ret_n is 0 where nothing is mounted in it, else
 * *ret_mount is where.
 */
int learn_find_home_parts(struct arena *a, const char *home, struct plan_home_part **ret,
                          size_t *ret_n, const char **ret_mount, struct err *e);

#endif
