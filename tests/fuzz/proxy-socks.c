/* Any bytes as a greeting and a request of SOCKS5. */

#include "fuzz.h"
#include "socks.h"

#include <stdlib.h>
#include <string.h>

static void fuzz_request(const uint8_t *data, size_t size)
{
        enum socks_reply reply;
        struct target t;
        struct target again;
        struct err e = { 0 };
        size_t len;

        if (socks_read_request(data, size, &t, &reply, &len, &e) <= 0)
                return;
        if (len > size)
                abort();
        if (reply != SOCKS_OK)
                return;
        if (t.port == 0 || len > SOCKS_MAX_MESSAGE)
                abort();
        if (t.name[0] != '\0' ? !net_rule_is_name(t.name) || t.address.family != 0
                              : t.address.family == 0)
                abort();
        if (socks_read_request(data, len, &again, &reply, &len, &e) != 1 ||
            memcmp(&again, &t, sizeof(t)) != 0 ||
            socks_read_request(data, len - 1, &again, &reply, &len, &e) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct err e = { 0 };
        uint8_t method;
        size_t len;

        fuzz_request(data, size);
        if (socks_read_greeting(data, size, &method, &len, &e) > 0) {
                if (len > size || (method != 0 && method != 0xff))
                        abort();
                fuzz_request(data + len, size - len);
        }
        return 0;
}
