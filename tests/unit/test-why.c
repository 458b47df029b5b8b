/* What `kelp policy why` says of hosts and system calls, and how it writes what it suggests. */

#include "plan-made.h"
#include "str.h"
#include "why.h"
#include "word.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct host_row {
        const char *options[5];
        const char *host;
        uint16_t port;
        bool is_allowed;
        const char *reason; /* a part of it */
        const char *option; /* "" where nothing is suggested */
};

static const struct host_row host_rows[] = {
        { { NULL }, "a.example", 443, false, "no network", "--allow a.example" },
        { { NULL }, "a.example", 22, false, "no network", "--allow a.example:22" },
        { { NULL }, "A.Example.", 0, false, "no network", "--allow a.example" },
        { { NULL }, "2001:db8::1", 22, false, "no network", "--allow '[2001:db8::1]:22'" },
        { { NULL }, "localhost", 5432, false, "loopback", "--host-port 5432" },
        { { NULL }, "127.0.0.1", 0, false, "loopback", "" },
        { { NULL }, "127.1.2.3", 80, false, "loopback", "" },
        { { NULL }, "::1", 80, false, "loopback", "--host-port 80" },
        { { NULL }, "0.0.0.0", 80, false, "loopback", "--host-port 80" },
        /* what no rule opens is not suggested */
        { { NULL }, "224.0.0.1", 80, false, "no network", "" },
        { { NULL }, "198.19.1.1", 80, false, "no network", "" },
        { { NULL }, "::ffff:192.0.2.1", 80, false, "no network", "" },
        { { "--network", "none" }, "a.example", 443, false, "no network", "" },
        { { "--network", "user" }, "a.example", 443, true, "open", "" },
        { { "--network", "host" }, "localhost", 22, true, "this host's own", "" },
        { { "--allow", "a.example" }, "a.example", 80, true, "rule 'a.example'", "" },
        { { "--allow", "a.example" }, "b.a.example", 80, false, "no rule", "--allow b.a.example" },
        { { "--allow", "a.example" }, "a.example", 81, false, "no rule", "--allow a.example:81" },
        { { "--allow", "a.example:1-99", "--deny", "a.example:22" },
          "a.example",
          22,
          false,
          "denied",
          "" },
        { { "--allow", "10.0.0.0/8" }, "10.1.2.3", 80, true, "rule '10.0.0.0/8'", "" },
        { { "--allow", "0.0.0.0/0:80" }, "192.0.2.7", 80, true, "rule '0.0.0.0/0:80'", "" },
        { { "--allow", "0.0.0.0/0:80" },
          "10.1.2.3",
          80,
          false,
          "a private address",
          "--allow 10.1.2.3" },
        { { "--host-port", "5432" }, "localhost", 5432, true, "lent", "" },
        { { "--host-port", "5432" }, "::1", 5432, true, "lent", "" },
        { { "--host-port", "5432" }, "127.0.0.1", 5433, false, "loopback", "--host-port 5433" },
        { { "--add-host", "db.example:10.0.0.5", "--allow", "db.example" },
          "db.example",
          80,
          false,
          "no rule",
          "--allow 10.0.0.5" },
        { { "--add-host", "db.example:10.0.0.5", "--allow", "10.0.0.5" },
          "db.example",
          80,
          true,
          "rule '10.0.0.5'",
          "" },
};

static void make(struct made *m, const char *const *options)
{
        const char *argv[10] = { NULL };
        size_t n = 0;

        while (options[n]) {
                argv[n] = options[n];
                n++;
        }
        argv[n++] = "--";
        argv[n] = "true";
        made_start(m);
        made_run(m, argv);
}

static void hosts_are_judged_as_the_network_judges_them(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(host_rows); i++) {
                const struct host_row *row = &host_rows[i];
                struct err e = { 0 };
                struct why why;
                struct made m;

                make(&m, row->options);
                if (m.result != 0)
                        fail_msg("row %zu: %s", i, made_text(&m));
                assert_int_equal(why_host(&m.plan, row->host, row->port, &why, &e), 0);
                if (why.is_allowed != row->is_allowed || !strstr(why.reason, row->reason) ||
                    !str_eq(why.option, row->option))
                        fail_msg("row %zu, %s: %d '%s' '%s'", i, row->host, why.is_allowed,
                                 why.reason, why.option);
                /* a line says the same as its option */
                assert_int_equal(why.option[0] == '\0', why.line[0] == '\0');
                made_done(&m);
        }
}

static void what_is_no_host_is_an_error(void **state)
{
        static const char *const none[] = { "", ".", "a..b", "-a", "a b", "1.2.3", "a/b", "[::1]" };
        const char *const options[] = { NULL };
        struct made m;

        (void)state;
        make(&m, options);
        for (size_t i = 0; i < COUNT(none); i++) {
                struct err e = { 0 };
                struct why why;

                if (why_host(&m.plan, none[i], 80, &why, &e) != -EINVAL)
                        fail_msg("'%s' is taken for a host", none[i]);
        }
        made_done(&m);
}

static void suggestions_are_written_as_they_are_read(void **state)
{
        static const char *const rows[][3] = {
                { "~/x", "--readable ~/x", "[files] readable = ~/x" },
                { "~/a b", "--readable ~/'a b'", "[files] readable = \"~/a b\"" },
                { "/a'b", "--readable '/a'\\''b'", "[files] readable = /a'b" },
                { "/a\"b\\c", "--readable '/a\"b\\c'", "[files] readable = \"/a\\\"b\\\\c\"" },
                { "/a*", "--readable '/a*'", "[files] readable = \"/a*\"" },
                { "$x", "--readable '$x'", "[files] readable = \"$x\"" },
                { "/a-/b", "--readable /a-/b", "[files] readable = \"/a-/b\"" },
                /* what a terminal would obey, and what no line can say */
                { "/a\x1b[1m", "", "" },
                { "/a\nb", "", "" },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct why why;

                why_say(&why, false, NULL, "no");
                why_suggest(&why, "--readable", "[files] readable", rows[i][0]);
                assert_string_equal(why.option, rows[i][1]);
                assert_string_equal(why.line, rows[i][2]);
        }
}

static void what_is_too_long_is_not_cut(void **state)
{
        char path[WHY_MAX_TEXT + 1];
        struct why why;

        (void)state;
        for (size_t len = 1; len < sizeof(path); len++) {
                memset(path, 'a', len);
                path[0] = '/';
                path[len] = '\0';
                why_say(&why, false, NULL, "no");
                why_suggest(&why, "--readable", "[files] readable", path);
                assert_true(why.option[0] == '\0' || str_has_suffix(why.option, path));
                assert_true(why.line[0] == '\0' || str_has_suffix(why.line, path));
        }
        assert_int_equal(why.option[0], '\0');
}

static void origins_that_are_no_lines_are_not_told(void **state)
{
        struct why why;

        (void)state;
        why_say(&why, true, "host view", "x");
        assert_null(why.origin);
        why_say(&why, true, "option --readable", "x");
        assert_string_equal(why.origin, "option --readable");
        why_say(&why, true, "./a.policy:3", "x");
        assert_string_equal(why.origin, "./a.policy:3");
}

static void system_calls(void **state)
{
        const char *const none[] = { NULL };
        const char *const nesting[] = { "--allow-userns", NULL };
        struct err e = { 0 };
        struct why why;
        struct made m;

        (void)state;
        make(&m, none);
        assert_int_equal(why_syscall(&m.plan, false, "read", &why, &e), 0);
        assert_true(why.is_allowed);
        assert_int_equal(why_syscall(&m.plan, false, "ptrace", &why, &e), 0);
        assert_false(why.is_allowed);
        assert_non_null(strstr(why.reason, "@debug"));
        assert_true(str_has_prefix(why.origin, "sandbox.policy:"));
        assert_string_equal(why.line, "[syscalls] allow = ptrace");
        assert_string_equal(why.behind, "");
        assert_string_equal(why.option, "");
        /* what no policy can allow is not suggested; an option may */
        assert_int_equal(why_syscall(&m.plan, false, "mount", &why, &e), 0);
        assert_string_equal(why.line, "");
        assert_string_equal(why.option, "--allow-userns");
        assert_int_equal(why_syscall(&m.plan, false, "socket", &why, &e), 0);
        assert_true(why.is_allowed);
        assert_non_null(strstr(why.comment, "AF_NETLINK"));
        assert_int_equal(why_syscall(&m.plan, false, "opne", &why, &e), -ENOENT);
        assert_non_null(strstr(err_get_hint(&e), "open"));
        made_done(&m);

        make(&m, nesting);
        e = (struct err){ 0 };
        assert_int_equal(why_syscall(&m.plan, false, "mount", &why, &e), 0);
        assert_true(why.is_allowed);
        made_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hosts_are_judged_as_the_network_judges_them),
                cmocka_unit_test(what_is_no_host_is_an_error),
                cmocka_unit_test(suggestions_are_written_as_they_are_read),
                cmocka_unit_test(what_is_too_long_is_not_cut),
                cmocka_unit_test(origins_that_are_no_lines_are_not_told),
                cmocka_unit_test(system_calls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
