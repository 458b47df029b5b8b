#include "cpu.h"
#include "fd.h"
#include "io.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_mapped_content_is_good_in_a_child(void **state)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        char copy[4096];
        size_t size = 0;
        int ends[2];
        (void)state;

        assert_int_equal(arena_map(&arena, 1 << 20, "a test", &e), 0);
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
                /* what the parent makes after the fork, byte for byte, at the same place */
                char *place = arena_mapped(&arena, &size);
                char **list;

                if (read(ends[0], copy, sizeof(copy)) < (ssize_t)sizeof(list))
                        _exit(1);
                memcpy(place, copy, sizeof(copy));
                memcpy(&list, copy + sizeof(copy) - sizeof(list), sizeof(list));
                _exit(strcmp(list[1], "second") == 0 ? 0 : 2);
        }
        char **list = arena_alloc(&arena, 2 * sizeof(*list), &e);
        list[0] = arena_copy(&arena, "first", &e);
        list[1] = arena_copy(&arena, "second", &e);
        char *data = arena_mapped(&arena, &size);
        assert_true(size > 0 && size < sizeof(copy) - sizeof(list));
        memcpy(copy, data, sizeof(copy));
        memcpy(copy + sizeof(copy) - sizeof(list), &list, sizeof(list));
        assert_int_equal(write(ends[1], copy, sizeof(copy)), sizeof(copy));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        close(ends[0]);
        close(ends[1]);
        arena_done(&arena);
        assert_null(arena.block);
}

static void test_mapped_is_bounded_and_says_what_it_is_for(void **state)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        (void)state;

        assert_int_equal(arena_map(&arena, 1 << 20, "the list", &e), 0);
        for (int i = 0; i < 15; i++)
                assert_non_null(arena_alloc(&arena, 64 << 10, &e));
        assert_null(arena_alloc(&arena, 128 << 10, &e));
        assert_int_equal(e.code, E2BIG);
        assert_non_null(strstr(e.text, "the list is longer than"));
        /* a smaller one still has room */
        assert_non_null(arena_alloc(&arena, 1 << 10, &e));
        arena_done(&arena);
}

/* The parent moves the child and frees it again, whenever it comes to it. */
static void test_a_child_keeps_all_processors(void **state)
{
        struct cpu_choice c;
        (void)state;

        cpu_choose(&c);
        for (int i = 0; i < 200; i++) {
                struct err e = { 0 };
                int ends[2];
                char byte;
                int status;

                assert_int_equal(pipe(ends), 0);
                pid_t pid = fork();
                if (pid == 0) {
                        cpu_set_t now;

                        if (read(ends[0], &byte, 1) != 1 ||
                            sched_getaffinity(0, sizeof(now), &now) < 0)
                                _exit(2);
                        _exit(!c.is_useful || CPU_EQUAL(&now, &c.all) ? 0 : 1);
                }
                assert_int_equal(cpu_put_apart(&c, pid, &e), 0);
                assert_int_equal(write(ends[1], "", 1), 1);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(WEXITSTATUS(status), 0);
                close(ends[0]);
                close(ends[1]);
        }
}

static void test_a_list_grows_and_keeps_what_is_in_it(void **state)
{
        autofree int *list = NULL;
        size_t room = 0;
        struct err e = { 0 };
        (void)state;

        for (size_t n = 0; n < 1000; n++) {
                assert_int_equal(mem_grow(&list, n, &room, sizeof(*list), &e), 0);
                assert_true(room > n);
                list[n] = (int)n;
        }
        for (size_t n = 0; n < 1000; n++)
                assert_int_equal(list[n], n);
        /* what no memory has, and what no number can say */
        for (int i = 0; i < 2; i++) {
                room = 1000;
                assert_int_equal(mem_grow(&list, room, &room, SIZE_MAX / (i ? 3000 : 1500), &e),
                                 -ENOMEM);
                assert_int_equal(room, 1000);
                assert_int_equal(list[999], 999);
        }
}

/* One has it at a time, and who has waited for one that is gone has none. */
static void test_a_lock_has_one_owner(void **state)
{
        char path[] = "/tmp/kelp-test-XXXXXX";
        (void)state;

        assert_non_null(mkdtemp(path));
        autofd dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autofd first = io_take_lock(dir, "lock");
        assert_true(first >= 0);
        assert_int_equal(io_take_lock(dir, "lock"), -1);
        fd_close(&first);
        autofd second = io_take_lock(dir, "lock");
        assert_true(second >= 0);
        assert_int_equal(symlinkat("lock", dir, "link"), 0);
        assert_int_equal(io_take_lock(dir, "link"), -1);
        assert_int_equal(unlinkat(dir, "link", 0), 0);
        assert_int_equal(unlinkat(dir, "lock", 0), 0);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(io_take_lock(dir, "lock"), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mapped_content_is_good_in_a_child),
                cmocka_unit_test(test_mapped_is_bounded_and_says_what_it_is_for),
                cmocka_unit_test(test_a_child_keeps_all_processors),
                cmocka_unit_test(test_a_list_grows_and_keeps_what_is_in_it),
                cmocka_unit_test(test_a_lock_has_one_owner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
