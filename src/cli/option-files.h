#ifndef KELP_CLI_OPTION_FILES_H
#define KELP_CLI_OPTION_FILES_H

#include "option.h"

/* Reads the files that options name, for the `text` of each use, into memory of `arena`. */
int option_files_read(struct arena *arena, struct option_list *options, struct err *e);

#endif
