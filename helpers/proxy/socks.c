#include "socks.h"

#include <errno.h>
#include <string.h>

#define VERSION 5

#define COMMAND_CONNECT 1

#define TYPE_IPV4 1
#define TYPE_NAME 3
#define TYPE_IPV6 4

int socks_read_greeting(const uint8_t *data, size_t len, uint8_t *ret_method, size_t *ret_len,
                        struct err *e)
{
        if (len > 0 && data[0] != VERSION)
                return err_set(e, EINVAL, "this is not SOCKS5");
        if (len < 2 || len < 2u + data[1])
                return 0;
        *ret_len = 2u + data[1];
        *ret_method = memchr(data + 2, 0, data[1]) ? 0 : 0xff;
        return 1;
}

/* How long the address is, with what says so; 0: that must come first. */
static size_t address_len(const uint8_t *data, size_t len)
{
        switch (data[3]) {
        case TYPE_IPV4:
                return 4;
        case TYPE_IPV6:
                return 16;
        case TYPE_NAME:
                return len > 4 ? 1u + data[4] : 0;
        default:
                return 0;
        }
}

static int take_host(const uint8_t *data, struct target *ret, struct err *e)
{
        *ret = (struct target){ 0 };
        if (data[3] == TYPE_NAME)
                return target_parse_host((const char *)data + 5, data[4], false, ret, e);
        ret->address.family = data[3] == TYPE_IPV4 ? AF_INET : AF_INET6;
        memcpy(ret->address.bytes, data + 4, data[3] == TYPE_IPV4 ? 4 : 16);
        return 0;
}

int socks_read_request(const uint8_t *data, size_t len, struct target *ret,
                       enum socks_reply *ret_reply, size_t *ret_len, struct err *e)
{
        if (len > 0 && data[0] != VERSION)
                return err_set(e, EINVAL, "this is not SOCKS5");
        if (len < 4)
                return 0;
        *ret_reply = SOCKS_OK;
        if (data[1] != COMMAND_CONNECT)
                *ret_reply = SOCKS_NO_COMMAND;
        else if (data[3] != TYPE_IPV4 && data[3] != TYPE_NAME && data[3] != TYPE_IPV6)
                *ret_reply = SOCKS_NO_ADDRESS;
        if (*ret_reply != SOCKS_OK) {
                *ret_len = len;
                return 1;
        }
        size_t n = address_len(data, len);
        if (n == 0 || len < 4 + n + 2)
                return 0;
        if (take_host(data, ret, e) < 0)
                return -e->code;
        ret->port = (uint16_t)(data[4 + n] << 8 | data[5 + n]);
        if (ret->port == 0)
                return err_set(e, EINVAL, "a port is a number from 1 to 65535");
        *ret_len = 4 + n + 2;
        return 1;
}

void socks_print_reply(enum socks_reply reply, uint8_t *out)
{
        const uint8_t text[10] = { VERSION, (uint8_t)reply, 0, TYPE_IPV4 };

        memcpy(out, text, sizeof(text));
}

enum socks_reply socks_name_error(int error)
{
        switch (error) {
        case ECONNREFUSED:
                return SOCKS_REFUSED;
        case ENETUNREACH:
                return SOCKS_NO_NETWORK;
        case EHOSTUNREACH:
                return SOCKS_NO_HOST;
        case ETIMEDOUT:
                return SOCKS_TIMED_OUT;
        case EACCES:
                return SOCKS_FORBIDDEN;
        default:
                return SOCKS_FAILED;
        }
}
