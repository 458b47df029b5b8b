/*
 * Any bytes as a request to the proxy, and as the answer of the one of this host.  A request that is
 * taken is one for every other reader, too, and means the host that it is judged by.
 */

#include "fuzz.h"
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void check_host(const struct target *t)
{
        if (t->port == 0)
                abort();
        if (t->name[0] != '\0' ? !net_rule_is_name(t->name) || t->address.family != 0
                               : t->address.family == 0)
                abort();
}

/* What goes out has one Host, our own, is read as lines, and does not ask to be kept open. */
static void check_rewritten(const char *data, const struct http_request *r)
{
        char *out = malloc(HTTP_MAX_HEAD + 512);
        size_t n_hosts = 0;

        if (!out)
                abort();
        size_t len = http_rewrite(data, r, out);
        if (len < 4 || len > HTTP_MAX_HEAD + 512 || memcmp(out + len - 4, "\r\n\r\n", 4) != 0 ||
            memmem(out, len, "\r\n\r\n", 4) != out + len - 4)
                abort();
        for (size_t i = 0; i + 7 < len; i++) {
                if (out[i] == '\0' || (out[i] == '\n' && (i == 0 || out[i - 1] != '\r')) ||
                    (out[i] == '\r' && out[i + 1] != '\n'))
                        abort();
                n_hosts += strncasecmp(out + i, "\r\nhost:", 7) == 0;
        }
        if (n_hosts != 1 || !memmem(out, len, "\r\nConnection: close\r\n", 21))
                abort();
        free(out);
}

static void fuzz_request(const char *data, size_t size)
{
        struct http_request r;
        struct http_request again;
        struct err e = { 0 };

        if (http_read(data, size, &r, &e) <= 0)
                return;
        if (r.head_len > size || r.head_len > HTTP_MAX_HEAD)
                abort();
        check_host(&r.target);
        /* what comes behind changes nothing, and less is not enough */
        if (http_read(data, r.head_len, &again, &e) != 1 ||
            memcmp(&again.target, &r.target, sizeof(r.target)) != 0 ||
            http_read(data, r.head_len - 1, &again, &e) != 0)
                abort();
        if (!r.is_connect)
                check_rewritten(data, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct err e = { 0 };
        char out[1024];
        size_t len;

        fuzz_request((const char *)data, size);
        int status = http_read_answer((const char *)data, size, &len, &e);
        if (status > 999 || (status > 0 && (status < 100 || len > size)))
                abort();
        char *text = fuzz_text(data, size);
        if (http_print_error(403, text, out) >= sizeof(out))
                abort();
        free(text);
        return 0;
}
