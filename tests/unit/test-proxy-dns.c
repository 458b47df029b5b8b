#include "dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct message {
        uint8_t bytes[1024];
        size_t len;
};

static void put(struct message *m, const void *data, size_t len)
{
        memcpy(m->bytes + m->len, data, len);
        m->len += len;
}

static void put16(struct message *m, unsigned value)
{
        const uint8_t bytes[] = { (uint8_t)(value >> 8), (uint8_t)value };

        put(m, bytes, 2);
}

static struct message head(unsigned flags, unsigned questions, unsigned answers, unsigned more)
{
        struct message m = { 0 };

        put16(&m, 0x1234);
        put16(&m, flags);
        put16(&m, questions);
        put16(&m, answers);
        put16(&m, 0);
        put16(&m, more);
        return m;
}

static void put_name(struct message *m, const char *name)
{
        for (const char *label = name; *label;) {
                uint8_t len = (uint8_t)strcspn(label, ".");

                put(m, &len, 1);
                put(m, label, len);
                label += len;
                label += *label == '.';
        }
        put(m, "", 1);
}

static struct message ask(const char *name, unsigned type, unsigned class)
{
        struct message m = head(0x0100, 1, 0, 0);

        put_name(&m, name);
        put16(&m, type);
        put16(&m, class);
        return m;
}

static void put_opt(struct message *m, uint8_t version, unsigned len)
{
        const uint8_t opt[] = { 0, 0, 41, 0x10, 0, 0, version, 0x80, 0 };

        put(m, opt, sizeof(opt));
        put16(m, len);
        for (unsigned i = 0; i < len; i++)
                put(m, "x", 1);
}

static struct dns_question read_it(const struct message *m)
{
        struct dns_question q;
        /* in a block of just that size, for the sanitizers */
        uint8_t *copy = malloc(m->len);

        memcpy(copy, m->bytes, m->len);
        assert_true(dns_read(copy, m->len, &q));
        free(copy);
        return q;
}

static void good_questions(void **state)
{
        struct message m = ask("WwW.Example.TEST", DNS_A, 1);
        struct dns_question q = read_it(&m);

        (void)state;
        assert_int_equal(q.code, DNS_OK);
        assert_int_equal(q.id, 0x1234);
        assert_int_equal(q.type, DNS_A);
        assert_true(q.is_name);
        assert_false(q.has_opt);
        assert_string_equal(q.name, "www.example.test");
        assert_memory_equal(q.wire, "\3WwW\7Example\4TEST", 18);
        assert_int_equal(q.wire_len, 18);
}

static void edns(void **state)
{
        struct message m = ask("a.test", DNS_AAAA, 1);

        (void)state;
        m.bytes[11] = 1;
        put_opt(&m, 0, 12);
        struct dns_question q = read_it(&m);
        assert_int_equal(q.code, DNS_OK);
        assert_true(q.has_opt);
        m = ask("a.test", DNS_A, 1);
        m.bytes[11] = 1;
        put_opt(&m, 1, 0);
        assert_int_equal(read_it(&m).code, DNS_BADVERS);
        m = ask("a.test", DNS_A, 1);
        m.bytes[11] = 2;
        put_opt(&m, 0, 0);
        put_opt(&m, 0, 0);
        assert_int_equal(read_it(&m).code, DNS_FORMERR);
}

static void bad_shapes(void **state)
{
        struct message m = ask("a.test", DNS_A, 1);
        struct dns_question q;

        (void)state;
        /* an answer is no question, and is not answered: two servers would talk for ever */
        m.bytes[2] |= 0x80;
        assert_false(dns_read(m.bytes, m.len, &q));
        for (size_t len = 0; len < 12; len++)
                assert_false(dns_read(m.bytes, len, &q));
        m = ask("a.test", DNS_A, 1);
        for (size_t len = 12; len < m.len; len++) {
                assert_true(dns_read(m.bytes, len, &q));
                assert_int_equal(q.code, DNS_FORMERR);
        }
        put(&m, "x", 1);
        assert_int_equal(read_it(&m).code, DNS_FORMERR);
        m = ask("a.test", DNS_A, 1);
        m.bytes[5] = 2;
        assert_int_equal(read_it(&m).code, DNS_FORMERR);
        m.bytes[5] = 0;
        assert_int_equal(read_it(&m).code, DNS_FORMERR);
        m.bytes[5] = 1;
        m.bytes[7] = 1;
        assert_int_equal(read_it(&m).code, DNS_FORMERR);
}

static void other_kinds(void **state)
{
        struct message m = ask("a.test", DNS_A, 3);

        (void)state;
        assert_int_equal(read_it(&m).code, DNS_REFUSED);
        m = ask("a.test", DNS_A, 255);
        assert_int_equal(read_it(&m).code, DNS_REFUSED);
        for (unsigned opcode = 1; opcode < 16; opcode++) {
                m = ask("a.test", DNS_A, 1);
                m.bytes[2] = (uint8_t)(opcode << 3);
                assert_int_equal(read_it(&m).code, DNS_NOTIMP);
        }
}

static void bad_names(void **state)
{
        static const struct {
                const char *wire;
                size_t len;
                const char *name;
        } rows[] = {
                { "\1a\0", 3, "a" },
                { "\0", 1, "" },
                { "\3a.b\4test\0", 10, "a?b.test" },
                { "\3a\0b\4test\0", 10, "a?b.test" },
                { "\3a b\4test\0", 10, "a?b.test" },
                { "\3a\nb\4test\0", 10, "a?b.test" },
                { "\3a\"b\4test\0", 10, "a?b.test" },
                { "\3\xff\xfe\xfd\4test\0", 10, "???.test" },
                { "\1-\4test\0", 8, "-.test" },
                { "\3"
                  "127\1"
                  "0\1"
                  "0\1"
                  "1\0",
                  11, "127.0.0.1" },
                { "\4"
                  "0x7f\1"
                  "1\0",
                  8, "0x7f.1" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct message m = head(0, 1, 0, 0);

                put(&m, rows[i].wire, rows[i].len);
                put16(&m, DNS_A);
                put16(&m, 1);
                struct dns_question q = read_it(&m);
                assert_int_equal(q.code, DNS_OK);
                assert_string_equal(q.name, rows[i].name);
                assert_int_equal(q.is_name, i == 0);
        }
}

/* Compression points nowhere in a question, and the other two kinds of labels are long gone. */
static void bad_labels(void **state)
{
        static const char *const wires[] = { "\xc0\x0c", "\1a\xc0\x0c",
                                             "\x40"
                                             "a",
                                             "\x80"
                                             "a",
                                             "\x3f"
                                             "a" };
        struct message m;

        (void)state;
        for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
                m = head(0, 1, 0, 0);
                put(&m, wires[i], strlen(wires[i]));
                put(&m, "\0\0\1\0\1", 5);
                struct dns_question q = read_it(&m);
                assert_int_equal(q.code, DNS_FORMERR);
                assert_int_equal(q.wire_len, 0);
        }
        /* 253 bytes are a name, 254 are none */
        m = head(0, 1, 0, 0);
        for (int i = 0; i < 3; i++)
                put(&m,
                    "\x3f"
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    64);
        size_t at = m.len;
        put(&m,
            "\x3d"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\1\0\1",
            67);
        struct dns_question q = read_it(&m);
        assert_int_equal(q.code, DNS_OK);
        assert_true(q.is_name);
        assert_int_equal(strlen(q.name), 253);
        m.len = at;
        put(&m,
            "\x3e"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\1\0\1",
            68);
        assert_int_equal(read_it(&m).code, DNS_FORMERR);
}

static void answers(void **state)
{
        static const uint8_t want[] = {
                0x12, 0x34, 0x85, 0x80, 0,   1,  0, 1, 0,   0,  0,    0,  1, 'A',
                4,    't',  'e',  's',  't', 0,  0, 1, 0,   1,  0xc0, 12, 0, 1,
                0,    1,    0,    0,    0,   60, 0, 4, 198, 19, 0,    1,
        };
        struct dns_answer a = { .ttl = 60, .address = { 198, 19, 0, 1 }, .address_len = 4 };
        struct message m = ask("A.test", DNS_A, 1);
        struct dns_question q = read_it(&m);
        uint8_t out[DNS_MAX_ANSWER];

        (void)state;
        assert_int_equal(dns_write(&q, &a, out), sizeof(want));
        assert_memory_equal(out, want, sizeof(want));
        a = (struct dns_answer){ .code = DNS_NXDOMAIN };
        assert_int_equal(dns_write(&q, &a, out), 12 + 8 + 4);
        assert_int_equal(out[3] & 15, DNS_NXDOMAIN);
        assert_int_equal(out[7], 0);
}

static void answers_with_edns(void **state)
{
        static const uint8_t want[] = { 0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0 };
        const struct dns_answer a = { .code = DNS_BADVERS };
        struct message m = ask("a.test", DNS_A, 1);
        uint8_t out[DNS_MAX_ANSWER];

        (void)state;
        m.bytes[11] = 1;
        put_opt(&m, 1, 0);
        struct dns_question q = read_it(&m);
        size_t len = dns_write(&q, &a, out);
        assert_int_equal(len, 12 + 8 + 4 + sizeof(want));
        assert_int_equal(out[3] & 15, 0);
        assert_int_equal(out[11], 1);
        assert_memory_equal(out + len - sizeof(want), want, sizeof(want));
}

static void longest_answer(void **state)
{
        char name[254];
        struct message m = head(0, 1, 0, 1);
        uint8_t out[DNS_MAX_ANSWER];

        (void)state;
        memset(name, 'a', 253);
        name[63] = name[127] = name[191] = '.';
        name[253] = '\0';
        put_name(&m, name);
        put16(&m, DNS_PTR);
        put16(&m, 1);
        put_opt(&m, 0, 0);
        struct dns_question q = read_it(&m);
        const struct dns_answer a = { .name = name };
        size_t len = dns_write(&q, &a, out);
        assert_int_equal(len, 12 + 255 + 4 + 12 + 255 + 11);
        assert_true(len <= DNS_MAX_ANSWER);
}

static void reverse(void **state)
{
        static const char *const none[] = {
                "in-addr.arpa",
                ".in-addr.arpa",
                "1.in-addr.arpa",
                "1.2.3.in-addr.arpa",
                "1.2.3.4.5.in-addr.arpa",
                "256.0.19.198.in-addr.arpa",
                "a.0.19.198.in-addr.arpa",
                "1.0.19.198.ip6.arpa",
                "01.0.19.198.in-addr.arpa",
                "1.0.19.198",
                "1111111111111111111111.0.19.198.in-addr.arpa",
        };
        uint8_t bytes[4];

        (void)state;
        assert_true(dns_reads_address("7.1.19.198.in-addr.arpa", bytes));
        assert_memory_equal(bytes, "\xc6\x13\x01\x07", 4);
        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
                if (dns_reads_address(none[i], bytes))
                        fail_msg("'%s' is an address", none[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_questions), cmocka_unit_test(edns),
                cmocka_unit_test(bad_shapes),     cmocka_unit_test(other_kinds),
                cmocka_unit_test(bad_names),      cmocka_unit_test(bad_labels),
                cmocka_unit_test(answers),        cmocka_unit_test(answers_with_edns),
                cmocka_unit_test(longest_answer), cmocka_unit_test(reverse),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
