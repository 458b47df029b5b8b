#include "words.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MAX_WORDS 12

/* What the options of the tests have become. */
struct seen {
        bool force;
        bool all;
        const char *root;
        const char *pid_file;
        const char *env[MAX_WORDS];
        struct words_list envs;
};

static int parse(bool stops, const char *line, char *room, size_t size, char **argv,
                 struct seen *seen, char ***ret, size_t *ret_n, struct err *e)
{
        const struct words_option options[] = {
                { .name = "force", .letter = 'f', .flag = &seen->force },
                { .name = "all", .letter = 'a', .flag = &seen->all },
                { .name = "root", .value = &seen->root },
                { .name = "pid-file", .letter = 'p', .value = &seen->pid_file },
                { .name = "env", .letter = 'e', .list = &seen->envs },
        };
        const struct words w = {
                .command = "test",
                .options = options,
                .n_options = COUNT(options),
                .stops = stops,
        };
        int argc = 0;

        memset(seen, 0, sizeof(*seen));
        seen->envs.items = seen->env;
        snprintf(room, size, "%s", line);
        for (char *word = strtok(room, " "); word; word = strtok(NULL, " "))
                argv[argc++] = strcmp(word, "<>") ? word : word + 2;
        argv[argc] = NULL;
        return words_parse(&w, argc, argv, ret, ret_n, e);
}

struct row {
        const char *line; /* "<>" stands for an empty word */
        bool stops;
        const char *operands; /* with a space behind each */
        bool force;
        bool all;
        const char *root;
        const char *pid_file;
};

static const struct row rows[] = {
        { "kill", false, "", false, false, NULL, NULL },
        { "kill ID", false, "ID ", false, false, NULL, NULL },
        { "kill --force ID 9", false, "ID 9 ", true, false, NULL, NULL },
        { "kill ID --force 9", false, "ID 9 ", true, false, NULL, NULL },
        { "kill ID 9 -f", false, "ID 9 ", true, false, NULL, NULL },
        { "kill -fa ID", false, "ID ", true, true, NULL, NULL },
        { "kill --force=true ID", false, "ID ", true, false, NULL, NULL },
        { "kill --force --force=false ID", false, "ID ", false, false, NULL, NULL },
        { "kill --root /x ID", false, "ID ", false, false, "/x", NULL },
        { "kill --root=/x ID", false, "ID ", false, false, "/x", NULL },
        { "kill --root= ID", false, "ID ", false, false, "", NULL },
        { "kill --root <> ID", false, "ID ", false, false, "", NULL },
        { "kill --root=a=b ID", false, "ID ", false, false, "a=b", NULL },
        { "kill --root -x ID", false, "ID ", false, false, "-x", NULL },
        { "kill --root --all ID", false, "ID ", false, false, "--all", NULL },
        { "kill --root a --root b", false, "", false, false, "b", NULL },
        { "kill -p FILE ID", false, "ID ", false, false, NULL, "FILE" },
        { "kill -pFILE ID", false, "ID ", false, false, NULL, "FILE" },
        { "kill -p=FILE ID", false, "ID ", false, false, NULL, "FILE" },
        { "kill -fpFILE ID", false, "ID ", true, false, NULL, "FILE" },
        { "kill -fp FILE ID", false, "ID ", true, false, NULL, "FILE" },
        { "kill -- --force", false, "--force ", false, false, NULL, NULL },
        { "kill -f -- ID -a", false, "ID -a ", true, false, NULL, NULL },
        { "kill -- ID -- -a", false, "ID -- -a ", false, false, NULL, NULL },
        { "kill - ID", false, "- ID ", false, false, NULL, NULL },
        { "exec -f ID ls -a --force", true, "ID ls -a --force ", true, false, NULL, NULL },
        { "exec --root x ID -- ls", true, "ID -- ls ", false, false, "x", NULL },
        { "exec -- ID -a", true, "ID -a ", false, false, NULL, NULL },
        { "kill <> ID", false, " ID ", false, false, NULL, NULL },
};

static bool is_same(const char *a, const char *b)
{
        return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static void lines(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const struct row *row = &rows[i];
                struct err e = { 0 };
                struct seen seen;
                char *argv[MAX_WORDS];
                char **operands;
                char got[100] = "";
                char room[200];
                size_t n;

                if (parse(row->stops, row->line, room, sizeof(room), argv, &seen, &operands, &n,
                          &e) < 0)
                        fail_msg("'%s': %s", row->line, e.text);
                for (size_t k = 0; k < n; k++) {
                        strcat(got, operands[k]);
                        strcat(got, " ");
                }
                assert_null(operands[n]);
                if (strcmp(got, row->operands) != 0)
                        fail_msg("'%s': operands '%s'", row->line, got);
                if (seen.force != row->force || seen.all != row->all ||
                    !is_same(seen.root, row->root) || !is_same(seen.pid_file, row->pid_file))
                        fail_msg("'%s': options differ", row->line);
        }
}

static void lists(void **state)
{
        struct err e = { 0 };
        struct seen seen;
        char *argv[MAX_WORDS];
        char **operands;
        char room[200];
        size_t n;

        (void)state;
        assert_int_equal(parse(true, "exec -e A=1 --env B=2 --env=C=3 -eD=4 ID -e E=5", room,
                               sizeof(room), argv, &seen, &operands, &n, &e),
                         0);
        assert_int_equal(seen.envs.n, 4);
        assert_string_equal(seen.env[0], "A=1");
        assert_string_equal(seen.env[1], "B=2");
        assert_string_equal(seen.env[2], "C=3");
        assert_string_equal(seen.env[3], "D=4");
        assert_int_equal(n, 3);
}

static void refusals(void **state)
{
        static const struct {
                const char *line;
                const char *text;
        } bad[] = {
                { "kill --forse ID", "test: unknown option '--forse'\ndid you mean '--force'" },
                { "kill --zzzzzz",
                  "test: unknown option '--zzzzzz'\nkelp-oci test --help lists them" },
                { "kill --forc=1", "test: unknown option '--forc'\ndid you mean '--force'" },
                { "kill -x", "test: unknown option '-x' in '-x'\nkelp-oci test --help lists them" },
                { "kill -fx",
                  "test: unknown option '-x' in '-fx'\nkelp-oci test --help lists them" },
                { "kill --root", "test: option '--root' needs a value" },
                { "kill ID -p", "test: option '--pid-file' needs a value" },
                { "kill --env", "test: option '--env' needs a value" },
                { "kill --force=maybe", NULL },
                { "kill --=x", NULL },
        };

        (void)state;
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct err e = { 0 };
                struct seen seen;
                char *argv[MAX_WORDS];
                char **operands;
                char room[200];
                size_t n;

                assert_int_equal(parse(false, bad[i].line, room, sizeof(room), argv, &seen,
                                       &operands, &n, &e),
                                 -EINVAL);
                if (bad[i].text)
                        assert_string_equal(e.text, bad[i].text);
        }
}

static void counts(void **state)
{
        static const struct words w = { .command = "kill" };
        static const struct {
                const char *usage;
                size_t n;
                const char *text; /* NULL: as many as it takes */
        } cases[] = {
                { "", 0, NULL },
                { "", 1, "kill: unexpected word 'a'\nkelp-oci kill [OPTIONS]" },
                { "ID", 0, "kill: ID is missing\nkelp-oci kill [OPTIONS] ID" },
                { "ID", 1, NULL },
                { "ID", 2, "kill: unexpected word 'b'\nkelp-oci kill [OPTIONS] ID" },
                { "ID [SIGNAL]", 0, "kill: ID is missing\nkelp-oci kill [OPTIONS] ID [SIGNAL]" },
                { "ID [SIGNAL]", 1, NULL },
                { "ID [SIGNAL]", 2, NULL },
                { "ID [SIGNAL]", 3,
                  "kill: unexpected word 'c'\nkelp-oci kill [OPTIONS] ID [SIGNAL]" },
                { "ID [ARG...]", 0, "kill: ID is missing\nkelp-oci kill [OPTIONS] ID [ARG...]" },
                { "ID [ARG...]", 1, NULL },
                { "ID [ARG...]", 3, NULL },
                { "ID [COMMAND [ARG...]]", 3, NULL },
        };
        char a[] = "a", b[] = "b", c[] = "c";
        char *operands[] = { a, b, c, NULL };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct err e = { 0 };
                int r = words_count(&w, cases[i].usage, operands, cases[i].n, &e);

                assert_int_equal(r, cases[i].text ? -EINVAL : 0);
                assert_string_equal(e.text, cases[i].text ? cases[i].text : "");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines),
                cmocka_unit_test(lists),
                cmocka_unit_test(refusals),
                cmocka_unit_test(counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
