#ifndef KELP_PULL_CREDENTIAL_H
#define KELP_PULL_CREDENTIAL_H

#include "auth-file.h"
#include "err.h"

/*
 * The login for a registry, from the first file that has one: containers/image's auth.json below
 * $XDG_RUNTIME_DIR and the configuration, then docker's config.json.  A helper that such a file
 * names is run with PATH, HOME and the names of the session's directory and bus, nothing else.
 * No login is no error: *ret has no secret then.
 *
 * A helper that is missing or fails is for the caller to tell, in *ret_helper: docker's desktop
 * leaves the name of one behind that many a machine does not have, and most images need no login.
 */

struct credential_places {
        const char *home;        /* each NULL: not known */
        const char *config_dir;  /* $XDG_CONFIG_HOME, or ~/.config */
        const char *runtime_dir; /* $XDG_RUNTIME_DIR */
        const char *docker_dir;  /* $DOCKER_CONFIG, or ~/.docker */
};

int credential_find(const struct credential_places *places, const char *host, const char *repo,
                    struct credential *ret, struct err *ret_helper, struct err *e);

#endif
