#include "endpoint.h"

#include "io.h"
#include "str.h"
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DOCKER_HOST "registry-1.docker.io"
#define MAX_CA      ((size_t)4 * 1024 * 1024)

static int read_ca(struct arena *arena, const char *file, struct endpoint *ret, struct err *e)
{
        autofree char *text = NULL;
        size_t len;

        if (io_read_file(AT_FDCWD, file, MAX_CA, &text, &len, e) < 0)
                return err_prefix(e, "the certificates to trust");
        if (!strstr(text, "-----BEGIN CERTIFICATE-----"))
                return err_set(e, EINVAL, "'%.200s' has no certificate (in PEM form)", file);
        ret->ca = arena_copy_n(arena, text, len, e);
        ret->ca_len = len;
        ret->ca_file = arena_copy(arena, file, e);
        return -e->code;
}

static void set_host(struct endpoint *ret, const struct url *url)
{
        unsigned usual = url->is_plain ? 80 : 443;

        if (url->port == usual)
                snprintf(ret->host, sizeof(ret->host), "%s", url->host);
        else
                snprintf(ret->host, sizeof(ret->host), "%s:%u", url->host, url->port);
}

/* https://HOST/PATH as a registry: PATH stands in front of the repository. */
static int make_mirror(struct arena *arena, const struct pull_name *name,
                       const struct registry *registry, const char *mirror, struct endpoint *ret,
                       struct err *e)
{
        const char *rest = strstr(mirror, "://") + 3;
        const char *slash = strchr(rest, '/');
        int len = (int)(slash ? (size_t)(slash - mirror) : strlen(mirror));
        struct url url;

        if (url_parse(mirror, "the mirror", &url, e) < 0)
                return -e->code;
        *ret = (struct endpoint){ .is_mirror = true };
        set_host(ret, &url);
        int n = snprintf(ret->repo, sizeof(ret->repo), "%s%s%s", slash ? slash + 1 : "",
                         slash ? "/" : "", name->repo);
        if (n < 0 || (size_t)n >= sizeof(ret->repo) || (size_t)len >= sizeof(ret->base))
                return err_set(e, ENAMETOOLONG, "the mirror '%.200s' is too long", mirror);
        snprintf(ret->base, sizeof(ret->base), "%.*s", len, mirror);
        return registry->ca ? read_ca(arena, registry->ca, ret, e) : 0;
}

static int make_registry(struct arena *arena, const struct pull_name *name,
                         const struct registry *registry, const struct endpoint_wish *wish,
                         struct endpoint *ret, struct err *e)
{
        bool is_docker = str_eq(name->host, NAME_DOCKER);
        const char *ca = wish->ca;
        struct url url;

        *ret = (struct endpoint){ 0 };
        if (!ca && registry)
                ca = registry->ca;
        snprintf(ret->host, sizeof(ret->host), "%s", name->host);
        snprintf(ret->repo, sizeof(ret->repo), "%s", name->repo);
        snprintf(ret->base, sizeof(ret->base), "https://%s", is_docker ? DOCKER_HOST : name->host);
        if (url_parse(ret->base, "the registry", &url, e) < 0)
                return -e->code;
        ret->may_be_plain = wish->is_insecure || (registry && registry->is_insecure) ||
                            url_is_loopback(url.host);
        return ca ? read_ca(arena, ca, ret, e) : 0;
}

int endpoints_make(struct arena *arena, const struct pull_name *name,
                   const struct registries *registries, const struct endpoint_wish *wish,
                   struct pull_spec *spec, struct err *e)
{
        const struct registry *registry = registries_find(registries, name->host);

        spec->n_endpoints = 0;
        for (size_t i = 0; registry && i < registry->n_mirrors; i++) {
                if (make_mirror(arena, name, registry, registry->mirrors[i],
                                &spec->endpoints[spec->n_endpoints], e) < 0)
                        return -e->code;
                spec->n_endpoints++;
        }
        if (make_registry(arena, name, registry, wish, &spec->endpoints[spec->n_endpoints], e) < 0)
                return -e->code;
        spec->n_endpoints++;
        return 0;
}
