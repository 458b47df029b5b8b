#ifndef KELP_PULL_CHALLENGE_H
#define KELP_PULL_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * WWW-Authenticate (RFC 9110, section 11): a list of challenges, each a scheme with parameters
 * NAME=TOKEN or NAME="TEXT", all separated by commas.
 *
 * What a Bearer proposes as the scope of a token is not kept: we know what we want to do (client.c).
 */

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
        enum challenge_scheme scheme;
        char realm[1024]; /* of Bearer: the URL of the token server */
        char service[256];
        char error[64]; /* "insufficient_scope" and the like */
};

/*
 * Reads one header's value and keeps in *best what is better than what is there: Bearer before
 * Basic.  What is not understood is passed over; a Bearer without a realm is nothing.
 */
void challenge_read(const char *value, size_t len, struct challenge *best);

#endif
