#include "socks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void greetings(void **state)
{
        static const struct {
                const char *bytes;
                size_t len;
                int result;
                uint8_t method;
        } rows[] = {
                { "\5\1\0", 3, 1, 0 },           { "\5\2\2\0", 4, 1, 0 }, { "\5\1\2", 3, 1, 0xff },
                { "\5\0", 2, 1, 0xff },          { "\5", 1, 0, 0 },       { "\5\2\0", 3, 0, 0 },
                { "\4\1\0\x50", 4, -EINVAL, 0 }, { "G", 1, -EINVAL, 0 },  { "", 0, 0, 0 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct err e = { 0 };
                uint8_t method = 1;
                size_t len = 0;

                assert_int_equal(socks_read_greeting((const uint8_t *)rows[i].bytes, rows[i].len,
                                                     &method, &len, &e),
                                 rows[i].result);
                if (rows[i].result == 1) {
                        assert_int_equal(method, rows[i].method);
                        assert_int_equal(len, rows[i].len);
                }
        }
}

static int read_request(const void *bytes, size_t len, struct target *t, enum socks_reply *reply,
                        size_t *used)
{
        struct err e = { 0 };

        return socks_read_request(bytes, len, t, reply, used, &e);
}

static void requests(void **state)
{
        static const char name[] = "\5\1\0\3\6A.TEST\1\xbbrest";
        static const char ipv4[] = "\5\1\0\1\1\2\3\4\0\x50";
        static const char ipv6[] = "\5\1\0\4\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50";
        enum socks_reply reply;
        struct target t;
        size_t used;
        char text[NET_RULE_MAX_NAME + 1];

        (void)state;
        assert_int_equal(read_request(name, sizeof(name) - 1, &t, &reply, &used), 1);
        assert_int_equal(reply, SOCKS_OK);
        assert_string_equal(t.name, "a.test");
        assert_int_equal(t.port, 443);
        assert_int_equal(used, 13);
        for (size_t len = 0; len < 13; len++)
                assert_int_equal(read_request(name, len, &t, &reply, &used), 0);
        assert_int_equal(read_request(ipv4, 10, &t, &reply, &used), 1);
        assert_string_equal(target_print_host(&t, text), "1.2.3.4");
        assert_int_equal(t.port, 80);
        assert_int_equal(read_request(ipv6, 22, &t, &reply, &used), 1);
        assert_string_equal(target_print_host(&t, text), "2001:db8::1");
        assert_int_equal(read_request(ipv6, 21, &t, &reply, &used), 0);
}

static void no_requests(void **state)
{
        enum socks_reply reply;
        struct target t;
        size_t used;

        (void)state;
        /* BIND, UDP ASSOCIATE, what there is not */
        assert_int_equal(read_request("\5\2\0\1\1\2\3\4\0\x50", 10, &t, &reply, &used), 1);
        assert_int_equal(reply, SOCKS_NO_COMMAND);
        assert_int_equal(read_request("\5\3\0\1\0\0\0\0\0\0", 10, &t, &reply, &used), 1);
        assert_int_equal(reply, SOCKS_NO_COMMAND);
        assert_int_equal(read_request("\5\0\0\1\0\0\0\0\0\0", 10, &t, &reply, &used), 1);
        assert_int_equal(reply, SOCKS_NO_COMMAND);
        assert_int_equal(read_request("\5\1\0\2\0\0\0\0\0\0", 10, &t, &reply, &used), 1);
        assert_int_equal(reply, SOCKS_NO_ADDRESS);
        assert_true(read_request("\4\1\0\x50\1\2\3\4\0", 9, &t, &reply, &used) < 0);
        assert_true(read_request("\5\1\0\1\1\2\3\4\0\0", 10, &t, &reply, &used) < 0);
        assert_true(read_request("\5\1\0\3\0\0\x50", 7, &t, &reply, &used) < 0);
}

static void replies(void **state)
{
        uint8_t out[10];

        (void)state;
        socks_print_reply(SOCKS_REFUSED, out);
        assert_memory_equal(out, "\5\5\0\1\0\0\0\0\0\0", 10);
        assert_int_equal(socks_name_error(ECONNREFUSED), SOCKS_REFUSED);
        assert_int_equal(socks_name_error(EIO), SOCKS_FAILED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(greetings),
                cmocka_unit_test(requests),
                cmocka_unit_test(no_requests),
                cmocka_unit_test(replies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
