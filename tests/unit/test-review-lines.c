#include "review-lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct review_text split(struct arena *a, const char *text)
{
        struct review_text lines;
        struct err e = { 0 };

        assert_int_equal(review_split_lines(a, text, strlen(text), &lines, &e), 0);
        return lines;
}

/* The old text with the edits made is the new one, and what no edit names is the same in both. */
static size_t check_pair(const char *old_text, const char *new_text)
{
        struct arena a = { 0 };
        struct err e = { 0 };
        const struct review_text old = split(&a, old_text);
        const struct review_text new_ = split(&a, new_text);
        struct review_edit *edits;
        size_t n;
        size_t x = 0;
        size_t y = 0;
        size_t n_changed = 0;

        assert_int_equal(review_compare_lines(&a, &old, &new_, &edits, &n, &e), 0);
        for (size_t i = 0; i <= n; i++) {
                size_t end = i < n ? edits[i].old : old.n;

                assert_true(end >= x && end <= old.n);
                assert_true(i == 0 || i == n || end > x);
                for (; x < end; x++, y++) {
                        assert_true(y < new_.n && old.lines[x].len == new_.lines[y].len);
                        assert_memory_equal(old.lines[x].text, new_.lines[y].text,
                                            old.lines[x].len);
                }
                if (i == n)
                        break;
                assert_int_equal(edits[i].new_, y);
                assert_true(edits[i].n_old + edits[i].n_new > 0);
                x += edits[i].n_old;
                y += edits[i].n_new;
                n_changed += edits[i].n_old + edits[i].n_new;
        }
        assert_int_equal(x, old.n);
        assert_int_equal(y, new_.n);
        arena_done(&a);
        return n_changed;
}

static void small_texts(void **state)
{
        (void)state;
        assert_int_equal(check_pair("", ""), 0);
        assert_int_equal(check_pair("a\n", "a\n"), 0);
        assert_int_equal(check_pair("", "a\nb\n"), 2);
        assert_int_equal(check_pair("a\nb\n", ""), 2);
        assert_int_equal(check_pair("a\nb\nc\n", "a\nc\n"), 1);
        assert_int_equal(check_pair("a\nc\n", "a\nb\nc\n"), 1);
        assert_int_equal(check_pair("a\nb\nc\n", "a\nx\nc\n"), 2);
        /* the last line without its end is another one */
        assert_int_equal(check_pair("a\nb\n", "a\nb"), 2);
        /* that of Myers' paper */
        assert_int_equal(check_pair("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n"), 5);
}

static char *random_text(unsigned n, unsigned letters)
{
        char *text = calloc(2 * (size_t)n + 1, 1);

        assert_non_null(text);
        for (unsigned i = 0; i < n; i++) {
                text[2 * i] = (char)('a' + (unsigned)rand() % letters);
                text[2 * i + 1] = '\n';
        }
        return text;
}

static void random_texts(void **state)
{
        (void)state;
        srand(1);
        for (int i = 0; i < 3000; i++) {
                char *old = random_text((unsigned)rand() % 30, 1 + (unsigned)rand() % 6);
                char *new_ = random_text((unsigned)rand() % 30, 1 + (unsigned)rand() % 6);

                check_pair(old, new_);
                free(old);
                free(new_);
        }
}

/* Where there are too many edits it all goes and comes: the work is bounded. */
static void texts_without_anything_in_common(void **state)
{
        (void)state;
        char *old = random_text(20000, 2);
        char *new_ = random_text(20000, 2);

        for (size_t i = 0; i < 20000; i++)
                new_[2 * i] = (char)(new_[2 * i] + 10);
        assert_int_equal(check_pair(old, new_), 40000);
        free(old);
        free(new_);
}

static void too_many_lines(void **state)
{
        struct review_text lines;
        struct arena a = { 0 };
        struct err e = { 0 };
        char *text = malloc(REVIEW_MAX_LINES + 1);

        (void)state;
        assert_non_null(text);
        memset(text, '\n', REVIEW_MAX_LINES + 1);
        assert_true(review_split_lines(&a, text, REVIEW_MAX_LINES + 1, &lines, &e) < 0);
        assert_string_equal(e.text, "too many lines");
        free(text);
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(small_texts),
                cmocka_unit_test(random_texts),
                cmocka_unit_test(texts_without_anything_in_common),
                cmocka_unit_test(too_many_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
