#include "proxy.h"

#include "no-proxy.h"

#include <stdlib.h>

/* An empty variable is as good as none. */
static const char *get(const char *lower, const char *upper)
{
        const char *value = getenv(lower);

        if (!value || !*value)
                value = getenv(upper);
        return value && *value ? value : NULL;
}

const char *proxy_choose(const struct url *url)
{
        const char *proxy =
                url->is_plain ? get("http_proxy", "HTTP_PROXY") : get("https_proxy", "HTTPS_PROXY");
        const char *exempt = get("no_proxy", "NO_PROXY");

        if (!proxy)
                proxy = get("all_proxy", "ALL_PROXY");
        if (url_is_loopback(url->host) || (exempt && no_proxy_has(exempt, url->host)))
                return NULL;
        return proxy;
}
