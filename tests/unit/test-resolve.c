/* Whether a symlink is on the way to a name, with and without what was seen on the way to others. */

#include "resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What lies in the directory of the test, and whether there is a symlink on the way to it. */
static const struct {
        const char *name;
        bool has_link;
} names[] = {
        { "dir", false },        { "dir/file", false },   { "dir/file/below", false },
        { "dir/none", false },   { "dir/link", true },    { "dir/link/in", true },
        { "none", false },       { "none/a", false },     { "none/b/c", false },
        { "link", true },        { "link/file", true },   { "link/none/a", true },
        { "dangling", true },    { "dangling/a", true },  { "loop", true },
        { "loop/a", true },      { "closed", false },     { "closed/link", false },
        { "closed/a/b", false }, { "dir/../link", true }, { "dir/./file", true },
};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

static char dir[] = "/tmp/test-resolve.XXXXXX";

/* Each name has a path of its own: who has seen it keeps a pointer to it. */
static const char *in_dir(const char *name)
{
        static char paths[64][64];
        size_t i = 0;

        while (paths[i][0] != '\0' && strcmp(paths[i] + sizeof(dir), name) != 0)
                i++;
        assert_true(i < sizeof(paths) / sizeof(paths[0]));
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, name);
        return paths[i];
}

static int setup(void **state)
{
        (void)state;
        if (!mkdtemp(dir) || mkdir(in_dir("dir"), 0700) < 0 || mkdir(in_dir("closed"), 0700) < 0 ||
            mknod(in_dir("dir/file"), S_IFREG | 0600, 0) < 0 ||
            symlink("file", in_dir("dir/link")) < 0 || symlink("dir", in_dir("link")) < 0 ||
            symlink("nowhere", in_dir("dangling")) < 0 || symlink("loop", in_dir("loop")) < 0 ||
            symlink("../dir", in_dir("closed/link")) < 0 || chmod(in_dir("closed"), 0) < 0)
                return -1;
        return 0;
}

static int teardown(void **state)
{
        static const char *const made[] = { "closed/link", "dir/file", "dir/link", "link",
                                            "dangling",    "loop",     "dir",      "closed" };

        (void)state;
        chmod(in_dir("closed"), 0700);
        for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
                remove(in_dir(made[i]));
        return rmdir(dir);
}

static bool expected(size_t i)
{
        /* nothing is out of root's reach */
        return names[i].has_link || (geteuid() == 0 && strcmp(names[i].name, "closed/link") == 0);
}

static void judge(struct plan_seen_dirs *seen, size_t i, const char *what)
{
        if (resolve_has_link(seen, in_dir(names[i].name)) != expected(i))
                fail_msg("'%s' %s", names[i].name, what);
}

static void test_alone(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_NAMES; i++) {
                struct plan_seen_dirs seen = { .n = 0 };

                judge(&seen, i, "alone");
        }
}

static void test_after_another(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_NAMES; i++) {
                for (size_t k = 0; k < N_NAMES; k++) {
                        struct plan_seen_dirs seen = { .n = 0 };

                        judge(&seen, i, "first");
                        judge(&seen, k, names[i].name);
                }
        }
}

static void test_after_all_others(void **state)
{
        struct plan_seen_dirs seen = { .n = 0 };

        (void)state;
        for (size_t i = 0; i < 2 * N_NAMES; i++)
                judge(&seen, i < N_NAMES ? i : 2 * N_NAMES - i - 1, "after others");
        assert_true(seen.n > 2);
}

static void test_without_room(void **state)
{
        struct plan_seen_dirs seen = { .n = 0 };

        (void)state;
        while (seen.n < PLAN_MAX_SEEN_DIRS)
                seen.items[seen.n++] = (struct plan_seen_dir){ "/elsewhere", 10, true };
        for (size_t i = 0; i < N_NAMES; i++)
                judge(&seen, i, "without room");
        assert_int_equal(seen.n, PLAN_MAX_SEEN_DIRS);
}

static void test_odd(void **state)
{
        struct plan_seen_dirs seen = { .n = 0 };
        char path[8192];

        (void)state;
        assert_false(resolve_has_link(&seen, "/"));
        assert_true(resolve_has_link(&seen, "dir"));
        assert_true(resolve_has_link(&seen, "/proc/self/status"));
        memset(path, 'a', sizeof(path) - 1);
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        assert_true(resolve_has_link(&seen, path));
        /* a name that no directory can have: nobody knows, so it is not passed over */
        path[300] = '\0';
        assert_true(resolve_has_link(&seen, path));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_alone),
                cmocka_unit_test(test_after_another),
                cmocka_unit_test(test_after_all_others),
                cmocka_unit_test(test_without_room),
                cmocka_unit_test(test_odd),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
