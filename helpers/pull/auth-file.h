#ifndef KELP_PULL_AUTH_FILE_H
#define KELP_PULL_AUTH_FILE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Logins, as docker (config.json) and the tools of containers/image (auth.json) keep them:
 *
 *     {"auths": {"HOST": {"auth": "base64 of USER:PASSWORD", "identitytoken": "..."}},
 *      "credHelpers": {"HOST": "NAME"}, "credsStore": "NAME"}
 *
 * NAME stands for the program docker-credential-NAME.  Pure functions over text.
 */

#define AUTH_USER_MAX   512
#define AUTH_SECRET_MAX 16384 /* tokens of clouds are long */

struct credential {
        char user[AUTH_USER_MAX];     /* "" with a secret: the secret is an identity token */
        char secret[AUTH_SECRET_MAX]; /* "": none */
        char source[512];             /* where it was found, for messages */
};

/* What a file says of a registry. */
struct auth_entry {
        struct credential credential; /* without a secret: nothing, or ask `helper` */
        char helper[128];             /* NAME, or "" */
};

/*
 * What to ask for: the keys under which `host` (as in struct pull_name) may be found, the most
 * particular one first; `repo` counts for containers/image, which has logins for parts of a
 * registry ("quay.io/team").
 */
int auth_file_read(const char *text, size_t len, const char *file, const char *host,
                   const char *repo, struct auth_entry *ret, struct err *e);

/* The answer of a helper to "get"; `helper` names it in errors.  Not found is no error. */
int auth_helper_read(const char *text, size_t len, const char *helper, struct credential *ret,
                     struct err *e);

/* What a helper is asked for. */
const char *auth_helper_server(const char *host);

#endif
