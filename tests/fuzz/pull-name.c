/*
 * Any bytes as the name of an image to pull, and as a URL that a registry gives.  What is taken goes
 * into a URL, and into the name of a file.
 */

#include "fuzz.h"
#include "name.h"
#include "platform.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>

static void check_word(const char *text, const char *allowed)
{
        if (text[strspn(text, allowed)] != '\0')
                abort();
}

static void check_port(const char *host)
{
        const char *colon = strchr(host, ':');
        long port = colon ? strtol(colon + 1, NULL, 10) : 1;

        if (port < 1 || port > 65535)
                abort();
}

static void fuzz_name(const char *text)
{
        static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789.-:";
        static const char repo[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
        static const char tag[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.-";
        struct pull_name name;
        struct pull_name again;
        struct err e = { 0 };

        if (pull_name_parse(text, &name, &e) < 0)
                return;
        check_word(name.host, host);
        check_word(name.repo, repo);
        check_word(name.tag, tag);
        if (!name.host[0] || !name.repo[0] || strstr(name.repo, "..") || name.repo[0] == '/')
                abort();
        if (!name.tag[0] == !name.digest.hex[0])
                abort();
        /* no registry is taken for an image of docker's */
        if (strcmp(name.host, "docker.io") == 0 &&
            (strcmp(name.repo, "library/localhost") == 0 ||
             (strncmp(name.repo, "library/", 8) == 0 && strchr(name.repo, '.') &&
              strspn(name.repo + 8, "0123456789.") == strlen(name.repo + 8))) &&
            !strchr(text, '/'))
                abort();
        check_port(name.host);
        /* the name in the store means the same */
        if (pull_name_parse(name.stored, &again, &e) < 0 ||
            strcmp(name.stored, again.stored) != 0 || strcmp(name.host, again.host) != 0 ||
            strcmp(name.repo, again.repo) != 0)
                abort();
}

static void fuzz_url(const char *text)
{
        struct platform platform;
        struct url url;
        struct err e = { 0 };

        if (url_parse(text, "it", &url, &e) == 0 &&
            (!url.host[0] || url.port == 0 || url.port > 65535))
                abort();
        url_is_loopback(text);
        platform_parse(text, &platform, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = fuzz_text(data, size);

        fuzz_name(text);
        fuzz_url(text);
        free(text);
        return 0;
}
