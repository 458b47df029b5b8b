#include "image.h"
#include "limit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct digest digest_a = { HEX_A };
static const struct digest digest_b = { HEX_B };

static void fill(struct image *image)
{
        struct err e = { 0 };

        *image = (struct image){ .id = digest_a, .name = "box:1" };
        assert_int_equal(image_add_layer(image, &digest_b, &e), 0);
        assert_int_equal(image_add_layer(image, &digest_a, &e), 0);
        assert_int_equal(image_add(image, IMAGE_ENV, "A=1", &e), 0);
        assert_int_equal(image_add(image, IMAGE_ENV, "B= two\n\tthree \\ ", &e), 0);
        assert_int_equal(image_add(image, IMAGE_ENTRYPOINT, "/bin/sh", &e), 0);
        assert_int_equal(image_add(image, IMAGE_ENTRYPOINT, "", &e), 0);
        assert_int_equal(image_add(image, IMAGE_COMMAND, "\x1b[31m\x7f # ; \"x\" = y", &e), 0);
        assert_int_equal(image_add(image, IMAGE_EXPOSE, "80/tcp", &e), 0);
        assert_int_equal(image_set_workdir(image, "/a/../b/./c/", &e), 0);
        assert_int_equal(image_set_user(image, "bob:staff", &e), 0);
        assert_int_equal(image_set_stop_signal(image, "SIGQUIT", &e), 0);
        assert_int_equal(image_set_created(image, "2024-01-31T12:34:56.789Z", &e), 0);
        image->store.size = 12345;
        image->store.manifest_size = 678;
        image->store.manifest_type = "application/x";
        assert_int_equal(image_add_blob(image, &digest_a, &e), 0);
        assert_int_equal(image_add_blob(image, &digest_a, &e), 0);
        assert_int_equal(image_add_blob(image, &digest_b, &e), 0);
}

static void exact_text(void **state)
{
        static const char policy[] = "[image]\n"
                                     "id = sha256:" HEX_A "\n"
                                     "name = box:1\n"
                                     "layer = " HEX_B "\n"
                                     "layer = " HEX_A "\n"
                                     "[run]\n"
                                     "env = A=1\n"
                                     "env = B= two\\n\\tthree \\\\\\x20\n"
                                     "entrypoint = /bin/sh\n"
                                     "entrypoint = \n"
                                     "command = \\x1b[31m\\x7f # ; \"x\" = y\n"
                                     "workdir = /b/c\n"
                                     "user = bob:staff\n"
                                     "stop-signal = QUIT\n"
                                     "expose = 80/tcp\n";
        static const char store[] = "[store]\n"
                                    "size = 12345\n"
                                    "created = 2024-01-31T12:34:56Z\n"
                                    "manifest-type = application/x\n"
                                    "manifest-size = 678\n"
                                    "blob = " HEX_A "\n"
                                    "blob = " HEX_B "\n";
        autoimage image = { 0 };
        struct err e = { 0 };
        char *text;

        (void)state;
        fill(&image);
        assert_int_equal(image_write(&image, false, &text, &e), 0);
        assert_string_equal(text, policy);
        free(text);
        assert_int_equal(image_write(&image, true, &text, &e), 0);
        assert_memory_equal(text, policy, sizeof(policy) - 1);
        assert_string_equal(text + sizeof(policy) - 1, store);
        free(text);
}

static void there_and_back(void **state)
{
        autoimage image = { 0 };
        autoimage again = { 0 };
        struct err e = { 0 };
        char *first;
        char *second;

        (void)state;
        fill(&image);
        assert_int_equal(image_write(&image, true, &first, &e), 0);
        char *copy = strdup(first);
        assert_int_equal(image_read(copy, &again, &e), 0);
        assert_string_equal(again.run.env.item[1], "B= two\n\tthree \\ ");
        assert_string_equal(again.run.entrypoint.item[1], "");
        assert_int_equal(image_write(&again, true, &second, &e), 0);
        assert_string_equal(first, second);
        free(first);
        free(second);
        free(copy);
}

static void refused_text(void **state)
{
        static const char head[] = "[image]\nid = sha256:" HEX_A "\nlayer = " HEX_A "\n";
        static const char *const tails[] = {
                "[nothing]\n",
                "[run]\nunknown = 1\n",
                "[run]\nenv = =x\n",
                "[run]\nenv = x\n",
                "[run]\nenv=A=1\n",
                "[run]\nworkdir = a\n",
                "[run]\nworkdir = /a/..\n",
                "[run]\nuser = a b\n",
                "[run]\nstop-signal = NO\n",
                "[run]\nexpose = 80\n",
                "[run]\nexpose = 0/tcp\n",
                "[run]\nexpose = 65536/tcp\n",
                "[run]\ncommand = \\q\n",
                "[run]\ncommand = \\x0\n",
                "[run]\ncommand = \\x00\n",
                "[run]\ncommand = \\xZZ\n",
                "[run]\ncommand = \\\n",
                "name = UPPER\n",
                "name = box\n",
                "layer = abc\n",
                "layer = ../../etc\n",
                "[store]\nblob = x\n",
                "[store]\nsize = -1\n",
                "[store]\nsize = 1x\n",
                "junk\n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
                autoimage image = { 0 };
                struct err e = { 0 };
                char text[1024];

                strcpy(text, head);
                strcat(text, tails[i]);
                if (image_read(text, &image, &e) == 0)
                        fail_msg("taken: %s", tails[i]);
        }
        autoimage image = { 0 };
        struct err e = { 0 };
        char only_head[] = "[image]\nlayer = " HEX_A "\n";
        char no_layer[] = "[image]\nid = sha256:" HEX_A "\n";

        assert_int_equal(image_read(only_head, &image, &e), -EINVAL);
        image_done(&image);
        assert_int_equal(image_read(no_layer, &image, &e), -EINVAL);
}

static void limits(void **state)
{
        autoimage image = { 0 };
        struct err e = { 0 };
        char *large = malloc(LIMIT_LIST_BYTES + 2);

        (void)state;
        for (unsigned i = 0; i < LIMIT_ENV; i++)
                assert_int_equal(image_add(&image, IMAGE_ENV, "A=1", &e), 0);
        assert_int_equal(image_add(&image, IMAGE_ENV, "A=1", &e), -E2BIG);
        memset(large, 'x', LIMIT_LIST_BYTES + 1);
        large[LIMIT_LIST_BYTES + 1] = '\0';
        assert_int_equal(image_add(&image, IMAGE_COMMAND, large, &e), -E2BIG);
        large[LIMIT_LIST_BYTES] = '\0';
        assert_int_equal(image_add(&image, IMAGE_COMMAND, large, &e), 0);
        assert_int_equal(image_add(&image, IMAGE_COMMAND, "x", &e), -E2BIG);
        for (unsigned i = 0; i < LIMIT_LAYERS; i++)
                assert_int_equal(image_add_layer(&image, &digest_a, &e), 0);
        assert_int_equal(image_add_layer(&image, &digest_a, &e), -E2BIG);
        free(large);
}

static void stop_signals(void **state)
{
        static const char *const signals[][2] = {
                { "SIGTERM", "TERM" },  { "15", "TERM" },    { "INT", "INT" },
                { "SIGRTMIN+3", "37" }, { "RTMIN+0", "34" }, { "37", "37" },
        };
        autoimage image = { 0 };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
                assert_int_equal(image_set_stop_signal(&image, signals[i][0], &e), 0);
                assert_string_equal(image.run.stop_signal, signals[i][1]);
        }
        assert_true(image_set_stop_signal(&image, "RTMIN+31", &e) < 0);
        assert_true(image_set_stop_signal(&image, "0", &e) < 0);
        assert_true(image_set_stop_signal(&image, "SIGNONSENSE", &e) < 0);
}

static void times(void **state)
{
        static const char *const good[][2] = {
                { "2024-01-31T12:34:56Z", "2024-01-31T12:34:56Z" },
                { "2024-01-31T12:34:56.123456789+02:00", "2024-01-31T12:34:56+02:00" },
        };
        static const char *const bad[] = { "",
                                           "today",
                                           "2024-01-31",
                                           "2024-01-31T12:34:56",
                                           "2024-01-31 12:34:56Z",
                                           "2024-01-31T12:34:56Zx",
                                           "2024-01-31T12:34:56+0200" };
        autoimage image = { 0 };
        struct err e = { 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                assert_int_equal(image_set_created(&image, good[i][0], &e), 0);
                assert_string_equal(image.store.created, good[i][1]);
        }
        image.store.created = NULL;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_int_equal(image_set_created(&image, bad[i], &e), 0);
                assert_null(image.store.created);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(exact_text),   cmocka_unit_test(there_and_back),
                cmocka_unit_test(refused_text), cmocka_unit_test(limits),
                cmocka_unit_test(stop_signals), cmocka_unit_test(times),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
