#include "hooks.h"

#include "io.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The hooks of a test: shell scripts, which get what is asked for in $1. */
struct script {
        const char *text;
        uint32_t timeout_s;
};

static char place[] = "/tmp/kelp-hooks-XXXXXX";

static int run(const struct script *scripts, size_t n, const char *state, struct err *e)
{
        static const char *env[] = { "ONE=1", NULL };
        const char *args[4][6];
        struct bundle_hook items[4];
        struct bundle b = { .hooks[BUNDLE_HOOK_POSTSTART] = { items, n } };

        assert_true(n <= 4);
        for (size_t i = 0; i < n; i++) {
                const char *words[] = { "sh", "-c", scripts[i].text, "sh", place, NULL };

                memcpy(args[i], words, sizeof(words));
                items[i] = (struct bundle_hook){ .path = "/bin/sh",
                                                 .args = args[i],
                                                 .env = env,
                                                 .timeout_s = scripts[i].timeout_s };
        }
        *e = (struct err){ 0 };
        return hooks_run(&b, BUNDLE_HOOK_POSTSTART, state, e);
}

static void check(const char *name, const char *wanted)
{
        char path[100];
        char text[200];

        snprintf(path, sizeof(path), "%s/%s", place, name);
        assert_true(io_read_small(-1, path, text, sizeof(text)) >= 0);
        assert_string_equal(text, wanted);
}

static void works(void **state)
{
        static const struct script scripts[] = {
                { "cat >\"$1/stdin\"; echo said; echo more >&2", 0 },
                { "printf \"$(/usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL=)\" >\"$1/env\"",
                  5 },
                { "exec /usr/bin/env >\"$1/all\"; ", 5 },
        };
        struct err e;

        (void)state;
        assert_int_equal(run(scripts, 3, "{\"a\": 1}", &e), 0);
        check("stdin", "{\"a\": 1}");
        check("env", "ONE=1");
}

/* A hook without an environment has ours where it runs on the host, and none in a container. */
static void no_env(void **state)
{
        char script[100];
        const char *args[] = { "sh", "-c", script, NULL };
        struct bundle_hook item = { .path = "/bin/sh", .args = args };
        struct bundle b = { .hooks[BUNDLE_HOOK_PRESTART] = { &item, 1 },
                            .hooks[BUNDLE_HOOK_START_CONTAINER] = { &item, 1 } };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(setenv("HOOK_TEST", "seen", 1), 0);
        snprintf(script, sizeof(script), "echo ${HOOK_TEST-none} >%s/env", place);
        assert_int_equal(hooks_run(&b, BUNDLE_HOOK_PRESTART, "{}", &e), 0);
        check("env", "seen");
        assert_int_equal(hooks_run(&b, BUNDLE_HOOK_START_CONTAINER, "{}", &e), 0);
        check("env", "none");
}

/* Nobody reads, nobody waits, and nobody dies of it. */
static void unread(void **state)
{
        static const struct script scripts[] = { { "exec <&-; exit 0", 0 }, { "true", 0 } };
        static const struct script counts[] = { { "wc -c >\"$1/count\"", 0 } };
        const size_t len = 3000000;
        char *text = malloc(len + 1);
        struct err e;

        (void)state;
        signal(SIGPIPE, SIG_DFL);
        memset(text, 'x', len);
        text[len] = '\0';
        assert_int_equal(run(scripts, 2, "{}", &e), 0);
        assert_int_equal(run(scripts, 2, text, &e), 0);
        assert_int_equal(run(counts, 1, text, &e), 0);
        check("count", "3000000");
        text[100000] = '\0';
        assert_int_equal(run(counts, 1, text, &e), 0);
        check("count", "100000");
        free(text);
}

static void fails(void **state)
{
        static const struct script scripts[] = {
                { "true", 0 },
                { "echo first; echo second >&2; echo; exit 3", 0 },
                { "touch \"$1/never\"", 0 },
        };
        static const struct script killed[] = { { "kill -SEGV $$", 0 } };
        static const struct script loud[] = {
                { "i=0; while [ $i -lt 20000 ]; do echo 0123456789 $i; i=$((i + 1)); done; exit 1",
                  0 },
        };
        char path[100];
        struct err e;

        (void)state;
        assert_int_equal(run(scripts, 3, "{}", &e), -ECANCELED);
        assert_string_equal(e.text, "hook poststart[1] '/bin/sh': exited with status 3: second");
        snprintf(path, sizeof(path), "%s/never", place);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(run(killed, 1, "{}", &e), -ECANCELED);
        assert_string_equal(e.text, "hook poststart[0] '/bin/sh': was ended by signal 11");
        assert_int_equal(run(loud, 1, "{}", &e), -ECANCELED);
        assert_string_equal(e.text,
                            "hook poststart[0] '/bin/sh': exited with status 1: 0123456789 19999");
}

static void is_missing(void **state)
{
        const char *args[] = { "x", NULL };
        const char *env[] = { NULL };
        struct bundle_hook item = { .path = "/nonexistent/x", .args = args, .env = env };
        struct bundle b = { .hooks[BUNDLE_HOOK_PRESTART] = { &item, 1 } };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(hooks_run(&b, BUNDLE_HOOK_PRESTART, "{}", &e), -ENOENT);
        assert_string_equal(e.text, "hook prestart[0] '/nonexistent/x': cannot be executed: "
                                    "No such file or directory");
}

static bool is_alive(const char *name)
{
        char path[100];
        char text[32];

        snprintf(path, sizeof(path), "%s/%s", place, name);
        assert_true(io_read_small(-1, path, text, sizeof(text)) > 0);
        return kill((pid_t)atoi(text), 0) == 0;
}

/* All that it has started goes with it, and of what stays without a timeout nobody waits for the end. */
static void ends(void **state)
{
        static const struct script hangs[] = {
                { "sleep 100 & echo $! >\"$1/child\"; "
                  "/bin/bash -c 'set -m; sleep 100 & echo $! >\"$1/job\"' bash \"$1\"; "
                  "setsid sh -c 'echo $$ >\"$1/apart\"; exec sleep 100' sh \"$1\" & "
                  "echo $$ >\"$1/self\"; exec sleep 100",
                  1 },
        };
        static const struct script leaves[] = { { "sleep 100 & echo $! >\"$1/daemon\"", 0 } };
        uint64_t begin = io_now();
        struct err e;

        (void)state;
        assert_int_equal(run(hangs, 1, "{}", &e), -ETIMEDOUT);
        assert_string_equal(e.text,
                            "hook poststart[0] '/bin/sh': was killed at its timeout of 1 s");
        assert_true(io_now() - begin >= 1000000000);
        assert_true(io_now() - begin < 20000000000);
        /* orphans may be zombies of a parent that is slow */
        usleep(200000);
        assert_false(is_alive("self"));
        assert_int_equal(run(leaves, 1, "{}", &e), 0);
        assert_true(is_alive("daemon"));
        char path[200];
        snprintf(path, sizeof(path), "kill $(cat %s/daemon)", place);
        assert_int_equal(system(path), 0);
        snprintf(path, sizeof(path),
                 "for i in child job apart; do p=$(cat %s/$i); case $(cat /proc/$p/stat 2>&1) in "
                 "*') Z '*|*'No such'*) ;; *) exit 1 ;; esac; done",
                 place);
        assert_int_equal(system(path), 0);
}

static int begin_all(void **state)
{
        (void)state;
        return mkdtemp(place) ? 0 : -1;
}

static int end_all(void **state)
{
        char command[100];

        (void)state;
        snprintf(command, sizeof(command), "rm -rf '%s'", place);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(works), cmocka_unit_test(no_env),     cmocka_unit_test(unread),
                cmocka_unit_test(fails), cmocka_unit_test(is_missing), cmocka_unit_test(ends),
        };

        return cmocka_run_group_tests(tests, begin_all, end_all);
}
