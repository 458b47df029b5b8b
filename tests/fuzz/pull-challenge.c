/* Any bytes as the value of WWW-Authenticate, and as the body of a registry's error. */

#include "challenge.h"
#include "fuzz.h"
#include "registry-error.h"

#include <stdlib.h>
#include <string.h>

static void check_text(const char *text, size_t size)
{
        if (strnlen(text, size) == size)
                abort();
        for (; *text; text++) {
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct challenge c = { 0 };
        struct registry_error said;

        challenge_read((const char *)data, size, &c);
        check_text(c.realm, sizeof(c.realm));
        check_text(c.service, sizeof(c.service));
        check_text(c.scope, sizeof(c.scope));
        check_text(c.error, sizeof(c.error));
        if (c.scheme == CHALLENGE_BEARER && !c.realm[0])
                abort();
        registry_error_read((const char *)data, size, &said);
        if (strnlen(said.code, sizeof(said.code)) == sizeof(said.code) ||
            strnlen(said.message, sizeof(said.message)) == sizeof(said.message))
                abort();
        return 0;
}
