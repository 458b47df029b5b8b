#include "container.h"

#include "fd.h"
#include "mem.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct place {
        char path[64];
        int root;
};

static int begin(void **state)
{
        struct place *place = calloc(1, sizeof(*place));

        strcpy(place->path, "/tmp/kelp-container-XXXXXX");
        assert_non_null(mkdtemp(place->path));
        place->root = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(place->root >= 0);
        *state = place;
        return 0;
}

static int end(void **state)
{
        struct place *place = *state;
        char command[100];

        close(place->root);
        snprintf(command, sizeof(command), "rm -rf '%s'", place->path);
        int r = system(command);
        free(place);
        return r;
}

static const struct bundle *some_bundle(void)
{
        static struct bundle_label labels[] = { { "org.x", "a \"quoted\" one" }, { "empty", "" } };
        static const struct bundle b = {
                .dir = "/some/where",
                .root = "/some/where/rootfs",
                .version = "1.0.2-dev",
                .text = "{}",
                .text_len = 2,
                .labels = labels,
                .n_labels = 2,
                .hooks[BUNDLE_HOOK_POSTSTOP] = { .n = 1 },
        };

        return &b;
}

static void ids(void **state)
{
        static const char *const good[] = { "a", "A.b-c_d+9", "-", "...", ".a", "a..b" };
        static const char *const bad[] = { "",    ".",   "..",       "a/b", "/",
                                           "a b", "a\n", "\xc3\xa4", "a:b" };
        struct err e = { 0 };
        char name[258];

        (void)state;
        for (size_t i = 0; i < COUNT(good); i++)
                assert_int_equal(container_check_id(good[i], &e), 0);
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_int_equal(container_check_id(bad[i], &e), -EINVAL);
        memset(name, 'x', sizeof(name));
        name[255] = '\0';
        assert_int_equal(container_check_id(name, &e), 0);
        name[255] = 'x';
        name[256] = '\0';
        assert_int_equal(container_check_id(name, &e), -EINVAL);
}

static void kept(void **state)
{
        const struct place *place = *state;
        struct err e = { 0 };
        autocontainer c = CONTAINER_NONE;
        autocontainer again = CONTAINER_NONE;
        autofree char *text = NULL;

        assert_int_equal(container_make(place->root, "one", &c, &e), 0);
        assert_int_equal(container_fill(&c, some_bundle(), &e), 0);
        assert_int_equal(container_keep_config(&c, some_bundle(), &e), 0);
        c.pid = getpid();
        assert_int_equal(proc_start_time(c.pid, &c.start_time), 0);
        c.cgroup = "/a/b";
        c.is_scope = true;
        assert_int_equal(container_write(&c, &e), 0);

        assert_int_equal(container_open(place->root, "one", &again, &e), 0);
        assert_string_equal(again.id, "one");
        assert_string_equal(again.bundle, "/some/where");
        assert_string_equal(again.rootfs, "/some/where/rootfs");
        assert_string_equal(again.version, "1.0.2-dev");
        assert_string_equal(again.cgroup, "/a/b");
        assert_string_equal(again.created, c.created);
        assert_true(again.is_scope);
        assert_int_equal(again.pid, c.pid);
        assert_int_equal(again.start_time, c.start_time);
        assert_int_equal(again.hooks, 1u << BUNDLE_HOOK_POSTSTOP);
        assert_int_equal(again.n_labels, 2);
        assert_string_equal(again.labels[0].name, "org.x");
        assert_string_equal(again.labels[0].value, "a \"quoted\" one");

        assert_int_equal(container_print_state(&again, CONTAINER_RUNNING, &text, &e), 0);
        assert_non_null(strstr(text, "\"status\": \"running\""));
        assert_non_null(strstr(text, "\"org.x\": \"a \\\"quoted\\\" one\""));
        assert_null(strstr(text, "cgroup"));
}

static void unique(void **state)
{
        const struct place *place = *state;
        struct err e = { 0 };
        autocontainer c = CONTAINER_NONE;
        autocontainer other = CONTAINER_NONE;

        assert_int_equal(container_make(place->root, "one", &c, &e), 0);
        assert_int_equal(container_make(place->root, "one", &other, &e), -EEXIST);
        assert_string_equal(e.text, "container 'one' already exists");
        assert_int_equal(container_remove(&c, &e), 0);
        assert_int_equal(container_make(place->root, "one", &other, &e), 0);
        /* who waited for the first one must not take the second one for it */
        assert_int_equal(container_lock(&c, &e), -ENOENT);
        assert_int_equal(container_open(place->root, "two", &c, &e), -ENOENT);
        assert_string_equal(e.text, "container 'two' does not exist");
}

static enum container_status status_of(const struct container *c)
{
        enum container_status status = CONTAINER_PAUSED;
        struct err e = { 0 };

        assert_int_equal(container_get_status(c, &status, &e), 0);
        return status;
}

static void statuses(void **state)
{
        const struct place *place = *state;
        struct err e = { 0 };
        autocontainer c = CONTAINER_NONE;
        autocontainer seen = CONTAINER_NONE;
        autofd pidfd = -1;
        int status;

        /* somebody is at work; he is gone */
        assert_int_equal(container_make(place->root, "one", &c, &e), 0);
        assert_int_equal(container_open(place->root, "one", &seen, &e), 0);
        assert_int_equal(status_of(&seen), CONTAINER_CREATING);
        assert_null(seen.bundle);
        container_done(&c);
        assert_int_equal(status_of(&seen), CONTAINER_STOPPED);

        pid_t pid = fork();
        if (pid == 0) {
                pause();
                _exit(0);
        }
        seen.pid = pid;
        assert_int_equal(proc_start_time(pid, &seen.start_time), 0);
        assert_int_equal(status_of(&seen), CONTAINER_RUNNING);
        assert_int_equal(container_open_first(&seen, &pidfd, &e), 0);
        assert_true(pidfd >= 0);
        fd_close(&pidfd);

        /* another process has its pid */
        seen.start_time--;
        assert_int_equal(status_of(&seen), CONTAINER_STOPPED);
        assert_int_equal(container_open_first(&seen, &pidfd, &e), 0);
        assert_int_equal(pidfd, -1);
        seen.start_time++;

        /* one that nobody has reaped yet has ended */
        siginfo_t info;
        kill(pid, SIGKILL);
        assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        assert_int_equal(status_of(&seen), CONTAINER_STOPPED);
        assert_int_equal(container_open_first(&seen, &pidfd, &e), 0);
        assert_int_equal(pidfd, -1);
        waitpid(pid, &status, 0);
        assert_int_equal(status_of(&seen), CONTAINER_STOPPED);
        assert_int_equal(container_open_first(&seen, &pidfd, &e), 0);
        assert_int_equal(pidfd, -1);
}

/* A lock that a child still has the descriptor of is free all the same when its owner is done. */
static void lock_ends(void **state)
{
        const struct place *place = *state;
        struct err e = { 0 };
        autocontainer c = CONTAINER_NONE;
        autocontainer other = CONTAINER_NONE;

        assert_int_equal(container_make(place->root, "one", &c, &e), 0);
        pid_t pid = fork();
        if (pid == 0) {
                pause();
                _exit(0);
        }
        container_done(&c);
        alarm(20);
        assert_int_equal(container_open_locked(place->root, "one", &other, &e), 0);
        alarm(0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static void put(int root, const char *path, const char *text)
{
        int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

/* What is no state is a container still, and can be removed. */
static void damaged(void **state)
{
        static const char good[] = "{\"id\":\"one\",\"pid\":1,\"startTime\":2,\"hooks\":0,"
                                   "\"bundle\":\"/b\",\"created\":\"x\"}";
        static const char *const texts[] = {
                "",
                "{",
                "[]",
                "{}",
                "{\"id\":\"two\",\"pid\":1,\"startTime\":2,\"hooks\":0,\"bundle\":\"/b\",\"created\":\"x\"}",
                "{\"id\":\"one\",\"pid\":-1,\"startTime\":2,\"hooks\":0,\"bundle\":\"/b\",\"created\":\"x\"}",
                "{\"id\":\"one\",\"pid\":\"1\",\"startTime\":2,\"hooks\":0,\"bundle\":\"/b\",\"created\":\"x\"}",
                "{\"id\":\"one\",\"pid\":1,\"hooks\":0,\"bundle\":\"/b\",\"created\":\"x\"}",
                "{\"id\":\"one\",\"pid\":1,\"startTime\":2,\"hooks\":0,\"created\":\"x\"}",
                ("{\"id\":\"one\",\"pid\":1,\"startTime\":2,\"hooks\":0,\"bundle\":\"/b\",\"created\":"
                 "\"0123456789012345678901234567890123456789\"}"),
        };
        const struct place *place = *state;
        struct err e = { 0 };

        assert_int_equal(mkdirat(place->root, "one", 0700), 0);
        put(place->root, "one/state.json", good);
        autocontainer fine = CONTAINER_NONE;
        assert_int_equal(container_open(place->root, "one", &fine, &e), 0);
        assert_int_equal(fine.pid, 1);
        for (size_t i = 0; i < COUNT(texts); i++) {
                autocontainer c = CONTAINER_NONE;

                put(place->root, "one/state.json", texts[i]);
                if (container_open(place->root, "one", &c, &e) != -EBADMSG)
                        fail_msg("%s", texts[i]);
                assert_string_equal(e.text, "the state of container 'one' is damaged");
                assert_int_equal(c.pid, 0);
                assert_null(c.bundle);
                assert_int_equal(status_of(&c), CONTAINER_STOPPED);
        }
        autocontainer c = CONTAINER_NONE;
        put(place->root, "one/stranger", "x");
        assert_int_equal(container_open_locked(place->root, "one", &c, &e), 0);
        assert_int_equal(container_remove(&c, &e), 0);
        assert_int_equal(faccessat(place->root, "one", F_OK, 0), -1);
}

static void roots(void **state)
{
        const struct place *place = *state;
        struct err e = { 0 };
        struct stat st;
        char path[128];
        int root;

        snprintf(path, sizeof(path), "%s/a/b/c", place->path);
        assert_int_equal(container_open_root(path, &root, &e), 0);
        close(root);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(container_open_root("", &root, &e), -EINVAL);

        setenv("XDG_RUNTIME_DIR", place->path, 1);
        assert_int_equal(container_open_root(NULL, &root, &e), 0);
        close(root);
        assert_int_equal(fstatat(place->root, "kelp-oci", &st, 0), 0);
        put(place->root, "file", "");
        snprintf(path, sizeof(path), "%s/file", place->path);
        assert_int_equal(container_open_root(path, &root, &e), -ENOTDIR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids),
                cmocka_unit_test_setup_teardown(kept, begin, end),
                cmocka_unit_test_setup_teardown(unique, begin, end),
                cmocka_unit_test_setup_teardown(statuses, begin, end),
                cmocka_unit_test_setup_teardown(lock_ends, begin, end),
                cmocka_unit_test_setup_teardown(damaged, begin, end),
                cmocka_unit_test_setup_teardown(roots, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
