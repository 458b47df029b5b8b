#include "err.h"
#include "mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void sets_text_and_code(void **state)
{
        struct err e = { 0 };

        (void)state;
        assert_int_equal(err_set(&e, EINVAL, "'%s' is wrong", "x"), -EINVAL);
        assert_int_equal(e.code, EINVAL);
        assert_string_equal(e.text, "'x' is wrong");
        assert_null(err_get_hint(&e));
        assert_int_equal(err_message_len(&e), strlen(e.text));
}

static void adds_the_reason_of_errno(void **state)
{
        struct err e = { 0 };

        (void)state;
        errno = ENOENT;
        assert_int_equal(err_sys(&e, "cannot open '%s'", "f"), -ENOENT);
        assert_string_equal(e.text, "cannot open 'f': No such file or directory");
        errno = 0;
        assert_int_equal(err_sys(&e, "odd"), -EIO);
}

static void prefix_keeps_the_hint(void **state)
{
        struct err e = { 0 };

        (void)state;
        err_set(&e, EPERM, "no");
        assert_int_equal(err_hint(&e, "do %d", 1), -EPERM);
        assert_int_equal(err_prefix(&e, "while %s", "doing"), -EPERM);
        assert_string_equal(e.text, "while doing: no\ndo 1");
        assert_string_equal(err_get_hint(&e), "do 1");
        assert_int_equal(err_message_len(&e), strlen("while doing: no"));
        err_hint(&e, "do 2");
        assert_string_equal(e.text, "while doing: no\ndo 2");
}

static void cuts_at_a_character(void **state)
{
        struct err e = { 0 };
        char text[1000];

        (void)state;
        memset(text, 'a', sizeof(text));
        /* the last place is the 503rd: a character that begins there or before it is cut off whole */
        memcpy(text + 502, "\xc3\xa4", 3);
        err_set(&e, EINVAL, "%s", text);
        assert_int_equal(strlen(e.text), 502);
        memcpy(text + 501, "\xc3\xa4", 3);
        err_set(&e, EINVAL, "%sx", text);
        assert_int_equal(strlen(e.text), 503);
        memcpy(text + 500, "\xf0\x9f\x8c\xbf", 5);
        err_set(&e, EINVAL, "%s", text);
        assert_int_equal(strlen(e.text), 500);
        err_hint(&e, "no room");
        assert_true(strlen(e.text) < sizeof(e.text));
}

static void a_newline_in_a_name_brings_no_hint(void **state)
{
        struct err e = { 0 };

        (void)state;
        errno = ENOENT;
        err_sys(&e, "cannot execute '%s'", "a\nsudo b");
        assert_string_equal(e.text, "cannot execute 'a sudo b': No such file or directory");
        assert_null(err_get_hint(&e));
        err_hint(&e, "%s", "one\ntwo");
        err_prefix(&e, "in '%s'", "x\ny");
        assert_string_equal(err_get_hint(&e), "one two");
        assert_int_equal(strncmp(e.text, "in 'x y': cannot", 16), 0);
}

static void every_number_has_a_name(void **state)
{
        (void)state;
        assert_string_equal(err_name(EPERM), "Operation not permitted");
        assert_string_equal(err_name(99999), "unknown error");
}

static void arena_grows_and_limits(void **state)
{
        struct arena a = { 0 };
        struct err e = { 0 };
        int *items = NULL;

        (void)state;
        for (size_t i = 0; i < 1000; i++) {
                assert_int_equal(arena_grow(&a, &items, i, sizeof(*items), 1000, "things", &e), 0);
                items[i] = (int)i;
        }
        for (size_t i = 0; i < 1000; i++)
                assert_int_equal(items[i], i);
        assert_int_equal(arena_grow(&a, &items, 1000, sizeof(*items), 1000, "things", &e), -E2BIG);
        assert_string_equal(e.text, "too many things: the limit is 1000");
        char *big = arena_alloc(&a, 100000, &e);
        assert_non_null(big);
        assert_int_equal(big[99999], 0);
        assert_null(arena_alloc(&a, SIZE_MAX - 8, &e));
        assert_string_equal(arena_print(&a, &e, "%s-%d", "x", 7), "x-7");
        assert_string_equal(arena_copy_n(&a, "abcdef", 3, &e), "abc");
        arena_done(&a);
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sets_text_and_code),
                cmocka_unit_test(adds_the_reason_of_errno),
                cmocka_unit_test(prefix_keeps_the_hint),
                cmocka_unit_test(cuts_at_a_character),
                cmocka_unit_test(a_newline_in_a_name_brings_no_hint),
                cmocka_unit_test(every_number_has_a_name),
                cmocka_unit_test(arena_grows_and_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
