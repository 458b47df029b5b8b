#include "id-map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PROGRAMS "newuidmap = /usr/bin/newuidmap\nnewgidmap = /usr/bin/newgidmap\n"

static int parse(const char *text, struct id_maps *ret)
{
        char copy[ID_MAPS_TEXT_MAX];
        struct err e = { 0 };

        snprintf(copy, sizeof(copy), "%s", text);
        return id_maps_parse(copy, ret, &e);
}

static void test_round_trip(void **state)
{
        static const char text[] = "uids = 0:1000:1,1:100000:65536\n"
                                   "gids = 0:1000:1,1:200000:10,11:300000:5\n" PROGRAMS;
        char again[ID_MAPS_TEXT_MAX];
        struct id_maps maps;

        (void)state;
        assert_int_equal(parse(text, &maps), 0);
        assert_true(maps.by_helper);
        assert_int_equal(maps.gids.n, 3);
        assert_true(id_map_has(&maps.uids, 65536));
        assert_false(id_map_has(&maps.uids, 65537));
        assert_false(id_map_has(&maps.uids, (uint64_t)1 << 32));
        assert_true(id_map_has(&maps.gids, 15));
        assert_false(id_map_has(&maps.gids, 16));
        id_maps_print(&maps, again, sizeof(again));
        assert_string_equal(again, text);
        id_map_print(&maps.uids, again, sizeof(again));
        assert_string_equal(again, "0 1000 1\n1 100000 65536\n");
}

static void test_refused(void **state)
{
        static const char *const uids[] = {
                "0:1000",
                "0:1000:1:1",
                "0:1000:0",
                "0:1000:1,",
                "x:1000:1",
                "0:1000:1,0:2000:1",
                "0:1000:2,5:1001:1",
                "4294967295:0:1",
                "1:4294967290:100",
                "0:-1:1",
                " 0:1000:1",
        };
        char text[ID_MAPS_TEXT_MAX];
        struct id_maps maps;

        (void)state;
        for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
                snprintf(text, sizeof(text), "uids = %s\ngids = 0:1000:1\n" PROGRAMS, uids[i]);
                if (parse(text, &maps) == 0)
                        fail_msg("'%s' was taken", uids[i]);
        }
        assert_true(parse("", &maps) < 0);
        assert_true(parse("uids = 0:1:1\n", &maps) < 0);
        assert_true(parse("gids = 0:1:1\nuids = 0:1:1\n" PROGRAMS, &maps) < 0);
        assert_true(parse("uids = 0:1:1\ngids = 0:1:1\n" PROGRAMS "more = 1\n", &maps) < 0);
        assert_true(parse("uids = 0:1:1\ngids = 0:1:1\nnewuidmap = x\nnewgidmap = /x\n", &maps) <
                    0);
}

static void test_contain(void **state)
{
        static const struct {
                const char *old;
                bool result;
        } rows[] = {
                { "0:1000:1,1:100000:65536", true },  { "0:1000:1,1:100000:10", true },
                { "0:1000:1,5:100004:10", true },     { "0:1000:1", true },
                { "0:1001:1,1:100000:65536", false }, { "0:1000:1,1:100000:65537", false },
                { "0:1000:1,1:100001:10", false },    { "0:1000:1,70000:100000:1", false },
        };
        char text[ID_MAPS_TEXT_MAX];
        struct id_maps now;
        struct id_maps old;

        (void)state;
        assert_int_equal(parse("uids = 0:1000:1,1:100000:65536\ngids = 0:1000:1\n" PROGRAMS, &now),
                         0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                snprintf(text, sizeof(text), "uids = %s\ngids = 0:1000:1\n" PROGRAMS, rows[i].old);
                assert_int_equal(parse(text, &old), 0);
                if (id_maps_contain(&now, &old) != rows[i].result)
                        fail_msg("'%s'", rows[i].old);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_contain),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
