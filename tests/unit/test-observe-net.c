#include "observe-made.h"
#include "observe-net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* --- questions ------------------------------------------------------------------------------ */

/* A question as resolvers write it; returns its length. */
static size_t ask(unsigned char *out, const char *name)
{
        static const unsigned char head[12] = { 0x12, 0x34, 0x01, 0x00, 0, 1 };
        size_t at = sizeof(head);

        memcpy(out, head, sizeof(head));
        while (*name) {
                size_t label = strcspn(name, ".");

                out[at++] = (unsigned char)label;
                memcpy(out + at, name, label);
                at += label;
                name += label + (name[label] == '.');
        }
        memcpy(out + at, "\0\0\1\0\1", 5);
        return at + 5;
}

static void questions_are_read(void **state)
{
        unsigned char data[512];
        char name[NET_RULE_MAX_NAME + 1];

        (void)state;
        size_t len = ask(data, "registry.npmjs.org");
        assert_true(observe_dns_name(data, len, name));
        assert_string_equal(name, "registry.npmjs.org");
        /* behind it, EDNS */
        data[11] = 1;
        memcpy(data + len, "\0\0\x29\x04\xb0\0\0\0\0\0\0", 11);
        assert_true(observe_dns_name(data, len + 11, name));
        len = ask(data, "GitHub.COM");
        assert_true(observe_dns_name(data, len, name));
        assert_string_equal(name, "github.com");
}

static void all_else_is_none(void **state)
{
        unsigned char data[600];
        unsigned char good[600];
        char name[NET_RULE_MAX_NAME + 1];
        size_t len = ask(good, "example.org");

        (void)state;
        for (size_t cut = 0; cut < len; cut++)
                assert_false(observe_dns_name(good, cut, name));
        static const struct {
                size_t at;
                unsigned char value;
        } changes[] = {
                { 2, 0x81 },  /* an answer */
                { 2, 0x29 },  /* another opcode */
                { 5, 0 },     /* no question */
                { 5, 2 },     /* two of them */
                { 7, 1 },     /* with an answer */
                { 12, 0xc0 }, /* a pointer */
                { 12, 64 },   /* a label of the wrong size */
                { 13, '/' },  { 13, 0 }, { 13, 0x1b }, { 13, '.' },
        };
        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                memcpy(data, good, sizeof(data));
                data[changes[i].at] = changes[i].value;
                assert_false(observe_dns_name(data, len, name));
        }
        /* of another class; the root alone; an address */
        memcpy(data, good, sizeof(data));
        data[len - 1] = 3;
        assert_false(observe_dns_name(data, len, name));
        assert_false(observe_dns_name(data, ask(data, ""), name));
        assert_false(observe_dns_name(data, ask(data, "127.0.0.1"), name));
        memset(data, 1, sizeof(data));
        assert_false(observe_dns_name(data, sizeof(data), name));
}

/* 63 + 63 + 63 + 61 and dots are the most that a name can have. */
static void long_names(void **state)
{
        unsigned char data[600];
        char name[NET_RULE_MAX_NAME + 1];
        char text[300];

        (void)state;
        for (int last = 60; last <= 63; last++) {
                snprintf(text, sizeof(text), "%063d.%063d.%063d.%0*d", 1, 2, 3, last, 4);
                memset(text, 'a', 1);
                text[strlen(text) - 1] = 'z';
                bool fits = strlen(text) <= NET_RULE_MAX_NAME;
                assert_int_equal(observe_dns_name(data, ask(data, text), name), fits);
        }
}

/* --- addresses ------------------------------------------------------------------------------ */

static struct sockaddr_storage address_of(const char *text, uint16_t port, size_t *ret_len)
{
        struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
        struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;

        if (strchr(text, ':')) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(port);
                assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
                *ret_len = sizeof(*v6);
        } else {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
                *ret_len = sizeof(*v4);
        }
        return ss;
}

static bool look_at(const struct plan *p, const char *text, uint16_t port, bool is_datagram,
                    struct observe_event *ret)
{
        const struct observe_net net = { .plan = p };
        size_t len;
        const struct sockaddr_storage ss = address_of(text, port, &len);

        return observe_net_look(&net, getpid(), &ss, len, is_datagram, ret);
}

static bool look(const struct plan *p, const char *text, uint16_t port, struct observe_event *ret)
{
        return look_at(p, text, port, false, ret);
}

static void no_network_reaches_nobody(void **state)
{
        struct plan p = { .net.mode = PLAN_NETWORK_NONE };
        struct observe_event event;

        (void)state;
        assert_true(look(&p, "192.0.2.7", 443, &event));
        assert_string_equal(event.name, "192.0.2.7");
        assert_int_equal(event.port, 443);
        assert_int_equal(event.error, ENETUNREACH);
        assert_true(look(&p, "2001:db8::1", 443, &event));
        assert_true(look(&p, "::ffff:192.0.2.7", 80, &event));
        assert_string_equal(event.name, "192.0.2.7");
        /* to port 0 nothing goes */
        assert_false(look(&p, "192.0.2.7", 0, &event));
        p.net.mode = PLAN_NETWORK_HOST;
        assert_false(look(&p, "192.0.2.7", 443, &event));
}

static void a_filtered_one_goes_by_its_rules(void **state)
{
        struct plan p = { .net.mode = PLAN_NETWORK_FILTERED };
        struct net_rule rules[2];
        char buffers[2][64];
        struct observe_event event;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(net_rule_parse("192.0.2.0/24:443", false, buffers[0], &rules[0], &e), 0);
        assert_int_equal(net_rule_parse("192.0.2.9", true, buffers[1], &rules[1], &e), 0);
        p.net.rules = rules;
        p.net.n_rules = 2;
        assert_false(look(&p, "192.0.2.7", 443, &event));
        assert_true(look(&p, "192.0.2.7", 80, &event));
        assert_true(look(&p, "192.0.2.9", 443, &event));
        assert_true(look(&p, "198.51.100.1", 443, &event));
        /* the addresses that stand for names are the proxy's to judge, but where it does not listen */
        assert_false(look(&p, "198.18.0.1", 53, &event));
        assert_false(look(&p, "198.19.3.4", 443, &event));
        assert_true(look(&p, "198.19.3.4", 22, &event));
        assert_int_equal(event.error, ECONNREFUSED);
        assert_string_equal(event.name, "198.19.3.4");
        assert_int_equal(event.port, 22);
        /* no rule is one for datagrams, but questions for names have their server */
        assert_true(look_at(&p, "192.0.2.7", 443, true, &event));
        assert_true(event.is_datagram);
        assert_true(look_at(&p, "198.19.3.4", 443, true, &event));
        assert_true(look_at(&p, "198.19.3.4", 53, true, &event));
        assert_false(look_at(&p, "198.18.0.1", 53, true, &event));
}

static const char *put(const struct observe_made *m, const char *address)
{
        static struct observe_event event;

        event = (struct observe_event){ .kind = OBSERVE_HOST, .port = 22 };
        snprintf(event.name, sizeof(event.name), "%s", address);
        observe_made_put(m, &event);
        return event.name;
}

static void made_up_addresses_have_names(void **state)
{
        struct observe_made m = { .names = NULL };

        (void)state;
        assert_string_equal(put(&m, "198.19.0.1"), "198.19.0.1");
        observe_made_hear(&m, "name 198.19.0.1 a.example");
        observe_made_hear(&m, "name 198.19.255.255 b.example");
        assert_string_equal(put(&m, "198.19.0.1"), "a.example");
        assert_string_equal(put(&m, "198.19.255.255"), "b.example");
        observe_made_hear(&m, "name 198.19.0.1 c.example");
        assert_string_equal(put(&m, "198.19.0.1"), "c.example");
        /* no words of it, and no addresses of it */
        observe_made_hear(&m, "host 198.19.0.1 0 allowed");
        observe_made_hear(&m, "name 198.18.0.1 x.example");
        observe_made_hear(&m, "name 198.19.1.256 x.example");
        observe_made_hear(&m, "name 198.19.1.2.3 x.example");
        observe_made_hear(&m, "name 198.19.1.2");
        assert_string_equal(put(&m, "198.19.0.1"), "c.example");
        assert_string_equal(put(&m, "198.18.0.1"), "198.18.0.1");
        assert_string_equal(put(&m, "198.19.1.2"), "198.19.1.2");
        assert_string_equal(put(&m, "::1"), "::1");
        observe_made_done(&m);
}

static void unix_names(void **state)
{
        struct sockaddr_storage ss = { .ss_family = AF_UNIX };
        char buffer[sizeof(struct sockaddr_storage)];
        char *path = (char *)&ss + offsetof(struct sockaddr_un, sun_path);

        (void)state;
        memcpy(path, "/run/x", 7);
        assert_string_equal(observe_unix_path(&ss, 9, buffer), "/run/x");
        assert_string_equal(observe_unix_path(&ss, 8, buffer), "/run/x");
        assert_string_equal(observe_unix_path(&ss, 5, buffer), "/ru");
        /* without a name, abstract, longer than there is */
        assert_null(observe_unix_path(&ss, 2, buffer));
        assert_null(observe_unix_path(&ss, sizeof(ss) + 1, buffer));
        path[0] = '\0';
        assert_null(observe_unix_path(&ss, 9, buffer));
        /* all of it, without an end */
        memset(path, 'x', sizeof(ss) - sizeof(ss.ss_family));
        assert_int_equal(strlen(observe_unix_path(&ss, sizeof(ss), buffer)),
                         sizeof(ss) - sizeof(ss.ss_family));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(questions_are_read),
                cmocka_unit_test(all_else_is_none),
                cmocka_unit_test(long_names),
                cmocka_unit_test(no_network_reaches_nobody),
                cmocka_unit_test(a_filtered_one_goes_by_its_rules),
                cmocka_unit_test(made_up_addresses_have_names),
                cmocka_unit_test(unix_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
