#include "name.h"

#include "image-name.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int set_repo(struct pull_name *ret, const char *path, int len, struct err *e)
{
        bool is_library = str_eq(ret->host, NAME_DOCKER) && !memchr(path, '/', (size_t)len);
        int n = snprintf(ret->repo, sizeof(ret->repo), "%s%.*s", is_library ? "library/" : "", len,
                         path);

        if (n < 0 || (size_t)n >= sizeof(ret->repo))
                return err_set(e, ENAMETOOLONG, "the name of the repository is too long");
        return 0;
}

/* Docker's own images, which alone have names of one component, have none like these. */
static bool is_registry(const char *text, size_t len, const char *tag)
{
        size_t digits = strlen(tag);

        if (memchr(text, '/', len))
                return false;
        if (strspn(text, "0123456789.") >= len && memchr(text, '.', len))
                return true;
        if (len == strlen("localhost") && memcmp(text, "localhost", len) == 0)
                return true;
        return memchr(text, '.', len) && digits > 0 && strspn(tag, "0123456789") == digits;
}

static int no_image(const char *text, struct err *e)
{
        err_set(e, EINVAL, "'%.200s' names a registry, and no image of it", text);
        return err_hint(e, "kelp pull %.*s/NAME", (int)strcspn(text, "@"), text);
}

/* The grammar has seen to it that it is digits, and few of them. */
static int check_port(const char *host, struct err *e)
{
        const char *colon = strchr(host, ':');
        struct err unused = { 0 };
        uint64_t port;

        if (!colon || parse_number(colon + 1, 1, 65535, &port, &unused) == 0)
                return 0;
        return err_set(e, EINVAL, "the port of the registry '%s' is wrong: ports are 1 to 65535",
                       host);
}

static int split(const char *text, int len, struct pull_name *ret, struct err *e)
{
        const char *slash = memchr(text, '/', (size_t)len);
        int first = slash ? (int)(slash - text) : 0;

        snprintf(ret->host, sizeof(ret->host), "%s", NAME_DOCKER);
        if (!slash || !image_name_is_host(text, (size_t)first))
                return set_repo(ret, text, len, e);
        if (first > NAME_HOST_MAX)
                return err_set(e, ENAMETOOLONG, "the name of the registry is too long");
        snprintf(ret->host, sizeof(ret->host), "%.*s", first, text);
        if (check_port(ret->host, e) < 0)
                return -e->code;
        if (image_name_is_docker(text, (size_t)first))
                snprintf(ret->host, sizeof(ret->host), "%s", NAME_DOCKER);
        return set_repo(ret, slash + 1, len - first - 1, e);
}

int pull_name_parse(const char *text, struct pull_name *ret, struct err *e)
{
        struct pull_name name = { .tag = "" };

        /* the grammar is that of the store, which leaves nothing odd in a URL */
        if (ref_parse_any(text, name.stored, e) < 0)
                return -e->code;
        const char *at = strchr(name.stored, '@');
        const char *end = at ? at : name.stored + strlen(name.stored);
        const char *colon = NULL;
        for (const char *c = name.stored; c < end; c++) {
                if (*c == ':')
                        colon = c;
                else if (*c == '/')
                        colon = NULL;
        }
        if (at && digest_parse(at + 1, &name.digest, e) < 0)
                return -e->code;
        if (colon && !at)
                snprintf(name.tag, sizeof(name.tag), "%.*s", (int)(end - colon - 1), colon + 1);
        size_t len = (size_t)((colon ? colon : end) - name.stored);
        if (is_registry(name.stored, len, name.tag))
                return no_image(text, e);
        if (split(name.stored, (int)len, &name, e) < 0)
                return -e->code;
        *ret = name;
        return 0;
}
