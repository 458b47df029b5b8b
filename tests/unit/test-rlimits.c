/* What keeps core dumps in, by what the machine does with them; each in a process of its own. */

#include "rlimits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct outcome {
        int code;
        struct rlimit limit;
        struct err e;
};

/* As one whose hard limit is `hard`, where core_pattern is `pattern`; NULL: it cannot be read. */
static struct outcome forbid(const char *pattern, rlim_t hard)
{
        struct outcome o = { 0 };
        char path[] = "/tmp/core_pattern-XXXXXX";
        int fd = mkstemp(path);
        int ends[2];

        assert_true(fd >= 0);
        assert_int_equal(pipe(ends), 0);
        if (pattern)
                assert_int_equal(write(fd, pattern, strlen(pattern)), strlen(pattern));
        else
                unlink(path);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                const struct plan_limits limits = { 0 };
                const struct core_handler handler = rlimits_find_handler(path);
                const struct rlimit before = { 0, hard };

                if (setrlimit(RLIMIT_CORE, &before) < 0)
                        _exit(2);
                o.code = rlimits_set(&limits, &handler, &o.e);
                getrlimit(RLIMIT_CORE, &o.limit);
                _exit(write(ends[1], &o, sizeof(o)) == sizeof(o) ? 0 : 1);
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], &o, sizeof(o)), sizeof(o));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(ends[0]);
        close(fd);
        if (pattern)
                unlink(path);
        return o;
}

static void succeeds(const char *pattern, rlim_t hard, rlim_t limit)
{
        const struct outcome o = forbid(pattern, hard);

        if (o.code != 0 || o.limit.rlim_cur != limit || o.limit.rlim_max != limit)
                fail_msg("'%s', %llu: %d, %llu: %s", pattern, (unsigned long long)hard, o.code,
                         (unsigned long long)o.limit.rlim_max, o.e.text);
}

static void fails(const char *pattern, rlim_t hard, int code, const char *part)
{
        const struct outcome o = forbid(pattern, hard);

        if (o.code != -code || !strstr(o.e.text, part) || !strstr(err_get_hint(&o.e), "core=0"))
                fail_msg("'%s', %llu: %d: %s", pattern ? pattern : "-", (unsigned long long)hard,
                         o.code, o.e.text);
}

static void test_one_stops_files_and_pipes(void **state)
{
        (void)state;
        succeeds("core\n", 1, 1);
        succeeds("/var/cores/core.%p\n", 1, 1);
        succeeds("\n", 1, 1);
        succeeds("|/usr/bin/handler %p\n", 1, 1);
        succeeds("core\n", 0, 0);
        fails("|/usr/bin/handler %p\n", 0, EPERM, "your own hard limit on them is 0");
}

static void test_nothing_stops_a_socket(void **state)
{
        static const char *const patterns[] = { "@/run/handler.socket\n",
                                                "@@/run/handler.socket\n" };

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                fails(patterns[i], 1, EPERM, "it is a socket, which no limit stops");
                fails(patterns[i], 0, EPERM, "it is a socket, which no limit stops");
        }
}

static void test_who_cannot_tell_stops(void **state)
{
        static const char text[] = "cannot tell whether this machine has a handler of core dumps";

        (void)state;
        fails(NULL, 1, ENOENT, text);
        fails(NULL, 0, ENOENT, text);
        fails("", 1, EIO, text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_stops_files_and_pipes),
                cmocka_unit_test(test_nothing_stops_a_socket),
                cmocka_unit_test(test_who_cannot_tell_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
