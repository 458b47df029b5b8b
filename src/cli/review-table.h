#ifndef KELP_CLI_REVIEW_TABLE_H
#define KELP_CLI_REVIEW_TABLE_H

#include "err.h"

#include <stddef.h>

/*
 * Prints the reviews that wait below `root`, with `before` in front of the heading; nothing where there
 * is none.  *ret_n says how many there are.
 */
int review_table_print(const char *root, const char *before, size_t *ret_n, struct err *e);

#endif
