#include "observe-list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct observe_event event_of(enum observe_kind kind, const char *name)
{
        struct observe_event event = {
                .kind = kind, .access = 'r', .is_refused = true, .count = 1
        };

        snprintf(event.name, sizeof(event.name), "%s", name);
        return event;
}

static void add(struct observe_list *l, const struct observe_event *event)
{
        struct err e = { 0 };

        assert_int_equal(observe_list_add(l, event, &e), 0);
}

static void the_same_is_counted(void **state)
{
        struct observe_list l = { .n = 0 };
        struct observe_event a = event_of(OBSERVE_OPEN, "/a");
        struct observe_event b = event_of(OBSERVE_OPEN, "/b");
        struct err e = { 0 };

        (void)state;
        assert_int_equal(observe_list_init(&l, 10, &e), 0);
        add(&l, &a);
        add(&l, &b);
        add(&l, &a);
        a.count = 5;
        add(&l, &a);
        assert_int_equal(l.n, 2);
        assert_string_equal(l.items[0].event->name, "/a");
        assert_int_equal(l.items[0].event->count, 7);
        assert_int_equal(l.items[1].event->count, 1);
        observe_list_done(&l);
}

/* Each of what makes an event another one. */
static void what_differs_is_apart(void **state)
{
        struct observe_list l = { .n = 0 };
        struct observe_event a = event_of(OBSERVE_OPEN, "/a");
        struct err e = { 0 };

        (void)state;
        assert_int_equal(observe_list_init(&l, 10, &e), 0);
        add(&l, &a);
        a.kind = OBSERVE_CREATE;
        add(&l, &a);
        a.access = 'w';
        add(&l, &a);
        a.is_refused = false;
        add(&l, &a);
        a.port = 80;
        add(&l, &a);
        a.is_datagram = true;
        add(&l, &a);
        snprintf(a.detail, sizeof(a.detail), "x");
        add(&l, &a);
        assert_int_equal(l.n, 7);
        add(&l, &a);
        assert_int_equal(l.n, 7);
        observe_list_done(&l);
}

static void the_first_ones_stay(void **state)
{
        struct observe_list l = { .n = 0 };
        char name[32];
        struct err e = { 0 };

        (void)state;
        assert_int_equal(observe_list_init(&l, 100, &e), 0);
        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "/%d", i);
                const struct observe_event event = event_of(OBSERVE_OPEN, name);
                add(&l, &event);
        }
        assert_int_equal(l.n, 100);
        assert_int_equal(l.n_dropped, 900);
        assert_string_equal(l.items[99].event->name, "/99");
        /* what is known is counted also then */
        const struct observe_event again = event_of(OBSERVE_OPEN, "/7");
        add(&l, &again);
        assert_int_equal(l.n_dropped, 900);
        assert_int_equal(l.items[7].event->count, 2);
        observe_list_done(&l);
}

static void counts_do_not_overflow(void **state)
{
        struct observe_list l = { .n = 0 };
        struct observe_event a = event_of(OBSERVE_OPEN, "/a");
        struct err e = { 0 };

        (void)state;
        assert_int_equal(observe_list_init(&l, 10, &e), 0);
        a.count = UINT32_MAX - 1;
        add(&l, &a);
        a.count = 5;
        add(&l, &a);
        assert_int_equal(l.items[0].event->count, UINT32_MAX);
        observe_list_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_is_counted),
                cmocka_unit_test(what_differs_is_apart),
                cmocka_unit_test(the_first_ones_stay),
                cmocka_unit_test(counts_do_not_overflow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
