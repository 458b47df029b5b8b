/* Any bytes as a file of logins, and as a credential helper's answer. */

#include "auth-file.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct credential *c)
{
        if (strnlen(c->user, sizeof(c->user)) == sizeof(c->user) ||
            strnlen(c->secret, sizeof(c->secret)) == sizeof(c->secret) ||
            strnlen(c->source, sizeof(c->source)) == sizeof(c->source))
                abort();
        /* they stand in headers */
        if (strpbrk(c->user, "\r\n") || strpbrk(c->secret, "\r\n"))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const hosts[] = { "docker.io", "h:1", "quay.io" };
        static struct auth_entry entry;
        static struct credential answer;
        struct err e = { 0 };

        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                if (auth_file_read((const char *)data, size, "file", hosts[i], "team/x", &entry,
                                   &e) < 0)
                        continue;
                check(&entry.credential);
                if (strchr(entry.helper, '/') || (entry.helper[0] && entry.credential.secret[0]))
                        abort();
        }
        if (auth_helper_read((const char *)data, size, "helper", &answer, &e) == 0)
                check(&answer);
        return 0;
}
