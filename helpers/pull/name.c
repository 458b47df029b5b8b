#include "name.h"

#include "image-name.h"
#include "str.h"

#include <errno.h>
#include <stdbool.h>
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
        if (split(name.stored, (int)((colon ? colon : end) - name.stored), &name, e) < 0)
                return -e->code;
        *ret = name;
        return 0;
}
