#ifndef KELP_CLI_FOREIGN_H
#define KELP_CLI_FOREIGN_H

#include <stdbool.h>

/*
 * What a command of docker's is called here, or why there is no such thing: the text of a hint.
 * `second` is NULL for one of a single word, the second word otherwise ("image ls").  NULL when
 * there is nothing to say.
 */
const char *foreign_hint(const char *word, const char *second);

/* Whether commands of docker's stand behind `word` by the names that they have alone: "image rm". */
bool foreign_is_group(const char *word);

#endif
