/* [files] cache: the name, the place inside, and the place on the host. */

#include "plan-made.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void run_file(struct made *m, const char *text)
{
        const char *argv[] = { "--policy", "./my.policy", "--", "x", NULL };

        m->policy_text = text;
        made_run(m, argv);
}

/* The last rule with a cache of that name, or NULL. */
static const struct plan_rule *find_cache(const struct plan *p, const char *name)
{
        for (size_t i = p->files.n_rules; i > 0; i--) {
                const struct plan_rule *rule = &p->files.rules[i - 1];

                if (rule->cache && str_eq(rule->cache, name))
                        return rule;
        }
        return NULL;
}

struct good_row {
        const char *line;
        const char *name;
        const char *host_path;
        const char *box_path;
};

static void names_places(void **state)
{
        static const struct good_row rows[] = {
                { "npm", "npm", "/home/ann/.cache/kelp/caches/npm", "/run/kelp/cache/npm" },
                { "a b", "b", "/home/ann/.cache/kelp/caches/b", "/run/kelp/cache/b" },
                { "go-1", "go-1", "/home/ann/.cache/kelp/caches/go-1", "/run/kelp/cache/go-1" },
                { "m2:~/.m2", "m2", "/home/ann/.cache/kelp/caches/m2", "/home/ann/.m2" },
                { "x:/var//x/../y", "x", "/home/ann/.cache/kelp/caches/x", "/var/y" },
        };
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                char text[100];
                struct made m;

                snprintf(text, sizeof(text), "[files]\ncache = %s\n", rows[i].line);
                made_start(&m);
                run_file(&m, text);
                if (m.result != 0)
                        fail_msg("%s: %s", rows[i].line, made_text(&m));
                const struct plan_rule *rule = find_cache(&m.plan, rows[i].name);
                assert_non_null(rule);
                assert_int_equal(rule->kind, PLAN_RULE_WRITABLE);
                assert_string_equal(rule->host_path, rows[i].host_path);
                assert_string_equal(rule->box_path, rows[i].box_path);
                assert_string_equal(rule->origin, "./my.policy:2");
                made_done(&m);
        }
}

static void refuses_names(void **state)
{
        static const char *const rows[][2] = {
                { "..", "'..' is not the name of a cache" },
                { "../x", "'../x' is not the name of a cache" },
                { "a/b", "'a/b' is not the name of a cache" },
                { "/a", "'/a' is not the name of a cache" },
                { "-npm", "'-npm' is not the name of a cache" },
                { "NPM", "'NPM' is not the name of a cache" },
                { ".npm", "'.npm' is not the name of a cache" },
                { "\"\"", "'' is not the name of a cache" },
                { ":/x", "'' is not the name of a cache" },
                { "a*", "'a*' is not the name of a cache" },
                { "a:", "an empty path" },
                { "a:b", "'b' is not an absolute path" },
                { "a:/", "'/' itself cannot be replaced" },
                { "a:/proc/x", "'/proc/x' must be an ordinary directory" },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                  "is not the name of a cache\na name has at most 64 of a-z, 0-9 and -" },
        };
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                char text[100];
                struct made m;

                snprintf(text, sizeof(text), "[files]\ncache = %s\n", rows[i][0]);
                made_start(&m);
                run_file(&m, text);
                if (m.result != -EINVAL || m.problems->n != 1 || !strstr(made_text(&m), rows[i][1]))
                        fail_msg("%s: %s", rows[i][0], made_text(&m));
                assert_non_null(strstr(made_text(&m), "./my.policy:2: "));
                made_done(&m);
        }
}

static void needs_a_place(void **state)
{
        struct made m;

        (void)state;
        made_start(&m);
        m.facts.cache_home = NULL;
        run_file(&m, "[files]\ncache = npm\n");
        assert_non_null(strstr(made_text(&m), "there is no place for the cache 'npm'\n"
                                              "set HOME or XDG_CACHE_HOME"));
        made_done(&m);
}

static const struct plan_rule *rule_at(const struct plan *p, const char *box_path)
{
        for (size_t i = p->files.n_rules; i > 0; i--) {
                if (str_eq(p->files.rules[i - 1].box_path, box_path))
                        return &p->files.rules[i - 1];
        }
        return NULL;
}

/* What is named on the command line takes the place of a cache, also as nothing that lasts. */
static void gives_way_to_options(void **state)
{
        const char *argv[] = { "--policy", "./my.policy", "--tmpfs", "/run/kelp/cache/npm",
                               "--",       "x",           NULL };
        struct made m;

        (void)state;
        made_start(&m);
        m.policy_text = "[files]\ncache = npm\n";
        made_run(&m, argv);
        assert_int_equal(m.result, 0);
        assert_int_equal(rule_at(&m.plan, "/run/kelp/cache/npm")->kind, PLAN_RULE_TEMPORARY);
        made_done(&m);
}

/* `readable = .` takes the place of the built-in `writable = .`, under the same judgement. */
static void shows_the_cwd(void **state)
{
        struct made m;

        (void)state;
        made_start(&m);
        run_file(&m, "[files]\nreadable = .\n");
        assert_int_equal(m.result, 0);
        assert_int_equal(rule_at(&m.plan, "/home/ann/work")->kind, PLAN_RULE_READABLE);
        made_done(&m);

        made_start(&m);
        run_file(&m, "[files]\nreadable = .\nwritable = .\n");
        assert_int_equal(m.result, 0);
        assert_int_equal(rule_at(&m.plan, "/home/ann/work")->kind, PLAN_RULE_WRITABLE);
        made_done(&m);

        made_start(&m);
        m.facts.cwd = "/home/ann";
        run_file(&m, "[files]\nreadable = .\n");
        assert_int_equal(m.result, -EINVAL);
        assert_non_null(strstr(made_text(&m), "'/home/ann' would be shown, but it is your home\n"
                                              "cd into a project's directory, or name one with "
                                              "--readable"));
        made_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_places),  cmocka_unit_test(refuses_names),
                cmocka_unit_test(needs_a_place), cmocka_unit_test(gives_way_to_options),
                cmocka_unit_test(shows_the_cwd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
