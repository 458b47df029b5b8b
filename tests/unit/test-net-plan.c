/* The filtered network in a plan: options, policies, contradictions, ports, the host's own proxy. */

#include "net-ports.h"
#include "plan-made.h"
#include "resolv.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct mode_row {
        const char *policy; /* its [network] section; NULL: no policy of one's own */
        const char *argv[7];
        int mode;         /* -1: refused */
        const char *said; /* where it is */
};

static const struct mode_row mode_rows[] = {
        { NULL, { "--network", "filtered" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--host-port", "22" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--network", "filtered", "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "a.test", "--network", "filtered" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL,
          { "--allow", "a.test", "--network", "user" },
          -1,
          "option '--network': 'user' is not the filtered network that option --allow needs\n"
          "leave one of the two out" },
        { NULL,
          { "--network", "none", "--allow", "a.test" },
          -1,
          "option '--allow': it needs a filtered network, but option --network asks for 'none'" },
        { NULL,
          { "--network", "host", "--host-port", "22" },
          -1,
          "option '--host-port': it needs a filtered network, but option --network asks for" },
        /* a policy says, and options have the last word */
        { "mode = filtered\n", { NULL }, PLAN_NETWORK_FILTERED, NULL },
        { "allow = a.test\n", { NULL }, PLAN_NETWORK_FILTERED, NULL },
        { "host-port = 22\n", { NULL }, PLAN_NETWORK_FILTERED, NULL },
        { "mode = user\nallow = a.test\n", { NULL }, -1, "./my.policy:3: allow: it needs" },
        { "allow = a.test\nmode = user\n", { NULL }, -1, "./my.policy:3: mode: 'user' is not" },
        { "mode = none\n", { "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { "mode = user\n", { "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { "allow = a.test\n", { "--network", "none" }, PLAN_NETWORK_NONE, NULL },
        { "allow = a.test\n", { "--network", "host" }, PLAN_NETWORK_HOST, NULL },
        /* what is denied is never forgotten */
        { NULL, { "--deny", "a.test", "--allow", "*" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--deny", "a.test" }, -1, "option --deny: 'a.test' can be denied in a filtered" },
        { NULL, { "--deny", "a.test", "--network", "user" }, -1, "--allow '*' allows every name" },
        { "deny = a.test\n", { NULL }, PLAN_NETWORK_NONE, NULL },
        { "deny = a.test\n", { "--network", "user" }, -1, "'a.test' can be denied in a filtered" },
        { "deny = a.test\n", { "--network", "host" }, -1, "'a.test' can be denied in a filtered" },
        { "deny = a.test\nmode = user\n", { NULL }, -1, "'a.test' can be denied in a filtered" },
        /* what goes with it */
        { NULL,
          { "--net-log", "-", "--allow", "a.test" },
          -1,
          "'-' is no file, and stdout is the command's own\n--net-log ./- is one" },
        { NULL, { "--net-log", "log" }, -1, "--net-log needs a filtered network" },
        { NULL, { "--net-log", "log", "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "-p", "80:80", "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "-p", "[::1]:80:80", "--allow", "a.test" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "-p", "53:53/udp", "--allow", "a.test" }, -1, "carries TCP alone" },
        { NULL, { "--allow", "198.18.0.1" }, -1, "lies in 198.18.0.0/15" },
        { NULL, { "--allow", "198.19.4.0/24:22" }, -1, "lies in 198.18.0.0/15" },
        { NULL, { "--allow", "198.0.0.0/8" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "198.20.0.0/15" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "a.test:1-4096" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "a.test:1-4097" }, -1, "the rules name 4097 ports" },
        { NULL, { "--allow", "a.test:1-4096", "--allow", "b.test:9000" }, -1, "name 4097 ports" },
        { NULL, { "--allow", "a.test:1-4096", "--allow", "b.test" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "a.test:*" }, -1, "'a.test:*' allows every port" },
        { NULL, { "--allow", "a.test", "--deny", "b.test:*" }, PLAN_NETWORK_FILTERED, NULL },
        { NULL, { "--allow", "https://a.test/" }, -1, "option '--allow': 'https://a.test/' is no" },
        { NULL, { "--deny", "a.*", "--allow", "x" }, -1, "option '--deny': 'a.*' is no host name" },
        { NULL, { "--host-port", "0" }, -1, "option '--host-port': port: " },
        { NULL, { "--host-port", "80-90" }, -1, "port range '80-90' is not yet supported" },
        { "allow = a.test b.test:\n", { NULL }, -1, "./my.policy:2: allow: port: " },
        { "alow = a.test\n", { NULL }, -1, "unknown key 'alow'\ndid you mean 'allow'" },
};

static void make(struct made *m, const struct mode_row *row, char *text, size_t size)
{
        const char *argv[12];
        size_t n = 0;

        made_start(m);
        if (row->policy) {
                text[0] = '\0';
                strncat(text, "[network]\n", size - 1);
                strncat(text, row->policy, size - strlen(text) - 1);
                m->policy_text = text;
                argv[n++] = "--policy";
                argv[n++] = "./my.policy";
        }
        for (size_t i = 0; i < COUNT(row->argv) && row->argv[i]; i++)
                argv[n++] = row->argv[i];
        argv[n++] = "--";
        argv[n++] = "x";
        argv[n] = NULL;
        made_run(m, argv);
}

static void the_mode_that_is_meant(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(mode_rows); i++) {
                const struct mode_row *row = &mode_rows[i];
                char text[200];
                struct made m;

                make(&m, row, text, sizeof(text));
                if (row->mode < 0 && (m.result == 0 || !strstr(made_text(&m), row->said)))
                        fail_msg("row %zu: '%s' is not in: %s", i, row->said, made_text(&m));
                if (row->mode >= 0 && (m.result != 0 || (int)m.plan.net.mode != row->mode))
                        fail_msg("row %zu: %s", i, made_text(&m));
                made_done(&m);
        }
}

static void rules_keep_their_order_and_origin(void **state)
{
        const struct mode_row row = { "allow = a.test \"*.b.test:22\"\ndeny = c.test\n",
                                      { "--allow", "10.0.0.0/8", "--host-port", "22" },
                                      0,
                                      NULL };
        char text[200];
        struct made m;
        const struct plan_net *net = &m.plan.net;

        (void)state;
        make(&m, &row, text, sizeof(text));
        assert_int_equal(m.result, 0);
        assert_int_equal(net->n_rules, 4);
        assert_string_equal(net->rules[0].name, "a.test");
        assert_string_equal(net->rules[0].origin, "./my.policy:2");
        assert_string_equal(net->rules[1].text, "*.b.test:22");
        assert_true(net->rules[2].is_deny);
        assert_int_equal(net->rules[3].kind, NET_RULE_NETWORK);
        assert_string_equal(net->rules[3].origin, "option --allow");
        assert_int_equal(net->n_host_ports, 1);
        assert_int_equal(net->host_ports[0], 22);
        assert_null(net->upstream.origin);
        made_done(&m);
}

static void ports_are_counted_once(void **state)
{
        const struct mode_row row = { "allow = a.test b.test:80-82 [2001:db8::1]:82 *:22\n"
                                      "deny = a.test:7\n",
                                      { NULL },
                                      0,
                                      NULL };
        struct net_port_set ports;
        char text[200];
        struct made m;

        (void)state;
        make(&m, &row, text, sizeof(text));
        assert_int_equal(m.result, 0);
        net_ports_of_rules(&m.plan.net, AF_UNSPEC, &ports);
        assert_int_equal(net_ports_count(&ports), 5);
        assert_true(net_ports_has(&ports, 22) && net_ports_has(&ports, 443));
        assert_false(net_ports_has(&ports, 7) || net_ports_has(&ports, 83));
        net_ports_of_rules(&m.plan.net, AF_INET6, &ports);
        assert_int_equal(net_ports_count(&ports), 1);
        assert_true(net_ports_has(&ports, 82));
        made_done(&m);
}

struct upstream_row {
        const char *env[4];
        const char *host; /* NULL: none */
        unsigned port;
        const char *credentials;
        const char *direct; /* joined by '|' */
        const char *said;   /* where it is refused */
};

static const struct upstream_row upstream_rows[] = {
        { { NULL }, NULL, 0, NULL, NULL, NULL },
        { { "https_proxy=" }, NULL, 0, NULL, NULL, NULL },
        { { "https_proxy=http://p.test:3128" }, "p.test", 3128, NULL, "", NULL },
        { { "HTTPS_PROXY=http://p.test:3128/" }, "p.test", 3128, NULL, "", NULL },
        { { "all_proxy=p.test:3128" }, "p.test", 3128, NULL, "", NULL },
        { { "http_proxy=http://10.0.0.1:8080" }, "10.0.0.1", 8080, NULL, "", NULL },
        { { "https_proxy=http://[2001:db8::1]:8080" }, "2001:db8::1", 8080, NULL, "", NULL },
        { { "http_proxy=http://one:1", "https_proxy=http://two:2" }, "two", 2, NULL, "", NULL },
        { { "HTTPS_PROXY=http://up:1", "https_proxy=http://low:2" }, "low", 2, NULL, "", NULL },
        { { "https_proxy=http://u:p@h:1" }, "h", 1, "dTpw", "", NULL },
        { { "https_proxy=http://us:p%40s@h:1" }, "h", 1, "dXM6cEBz", "", NULL },
        { { "https_proxy=http://us:pass@h:1" }, "h", 1, "dXM6cGFzcw==", "", NULL },
        { { "https_proxy=http://us:pas@h:1" }, "h", 1, "dXM6cGFz", "", NULL },
        { { "https_proxy=http://u:pas@h:1" }, "h", 1, "dTpwYXM=", "", NULL },
        { { "https_proxy=http://h:1", "no_proxy=a.test, .b.test,,10.0.0.0/8" },
          "h",
          1,
          NULL,
          "a.test|.b.test|10.0.0.0/8",
          NULL },
        { { "https_proxy=http://h:1", "NO_PROXY=*" }, "h", 1, NULL, "*", NULL },
        { { "https_proxy=http://h:1", "no_proxy=a\nrule allow *,c" }, "h", 1, NULL, "c", NULL },
        { { "no_proxy=a.test" }, NULL, 0, NULL, NULL, NULL },
        { { "https_proxy=http://h" }, NULL, 0, NULL, NULL, "https_proxy: it has no port" },
        { { "https_proxy=http://h:0" }, NULL, 0, NULL, NULL, "https_proxy: " },
        { { "https_proxy=http://:1" }, NULL, 0, NULL, NULL, "it names no host" },
        { { "https_proxy=http://a b:1" }, NULL, 0, NULL, NULL, "it names no host" },
        { { "https_proxy=http://h\nrule allow *:1" }, NULL, 0, NULL, NULL, "https_proxy: it" },
        { { "https_proxy=http://user@h:1" }, NULL, 0, NULL, NULL, "not USER:PASSWORD" },
        { { "https_proxy=http://u:%zz@h:1" }, NULL, 0, NULL, NULL, "not USER:PASSWORD" },
        { { "https_proxy=http://u:%00@h:1" }, NULL, 0, NULL, NULL, "not USER:PASSWORD" },
        { { "https_proxy=http://u:%4" }, NULL, 0, NULL, NULL, "https_proxy: " },
        { { "ALL_PROXY=socks5h://h:1" }, NULL, 0, NULL, NULL, "env -u ALL_PROXY kelp run" },
        { { "https_proxy=https://h:1" }, NULL, 0, NULL, NULL, "an http:// proxy can" },
};

static void check_upstream(const struct upstream_row *row, const struct plan_upstream *u)
{
        char direct[200] = "";

        if (!row->host) {
                assert_null(u->origin);
                return;
        }
        assert_string_equal(u->host, row->host);
        assert_int_equal(u->port, row->port);
        if (row->credentials)
                assert_string_equal(u->credentials, row->credentials);
        else
                assert_null(u->credentials);
        for (size_t i = 0; i < u->n_direct; i++) {
                strncat(direct, i ? "|" : "", 2);
                strncat(direct, u->direct[i], 60);
        }
        assert_string_equal(direct, row->direct);
}

static void the_hosts_own_proxy(void **state)
{
        const char *argv[] = { "--allow", "a.test", "--", "x", NULL };

        (void)state;
        for (size_t i = 0; i < COUNT(upstream_rows); i++) {
                const struct upstream_row *row = &upstream_rows[i];
                struct made m;

                made_start(&m);
                m.facts.env = row->env;
                made_run(&m, argv);
                if (row->said ? !strstr(made_text(&m), row->said) : m.result != 0)
                        fail_msg("row %zu: %s", i, made_text(&m));
                /* a password is never told, and never gets inside */
                assert_null(strstr(made_text(&m), "pass@"));
                for (size_t j = 0; j < m.plan.exec.n_env; j++)
                        assert_null(strstr(m.plan.exec.env[j], "proxy"));
                if (!row->said)
                        check_upstream(row, &m.plan.net.upstream);
                made_done(&m);
        }
}

static void other_networks_have_no_upstream(void **state)
{
        const char *argv[] = { "--network", "user", "--", "x", NULL };
        const char *env[] = { "https_proxy=nonsense", NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.facts.env = env;
        made_run(&m, argv);
        assert_int_equal(m.result, 0);
        assert_null(m.plan.net.upstream.origin);
        made_done(&m);
}

static void the_gateway_answers_for_names(void **state)
{
        const char *dns[] = { "9.9.9.9" };
        struct plan p = { .net = { .mode = PLAN_NETWORK_FILTERED, .dns = dns, .n_dns = 1 } };
        struct arena arena = { 0 };
        struct err e = { 0 };

        (void)state;
        assert_string_equal(resolv_text(&p, "nameserver 127.0.0.53\nsearch b.test\n", &arena, &e),
                            "nameserver 198.18.0.1\nsearch b.test\n");
        p.net.n_dns = 0;
        assert_string_equal(resolv_text(&p, "", &arena, &e), "nameserver 198.18.0.1\n");
        arena_done(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_mode_that_is_meant),
                cmocka_unit_test(rules_keep_their_order_and_origin),
                cmocka_unit_test(ports_are_counted_once),
                cmocka_unit_test(the_hosts_own_proxy),
                cmocka_unit_test(other_networks_have_no_upstream),
                cmocka_unit_test(the_gateway_answers_for_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
