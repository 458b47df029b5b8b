/* Compiled profiles that are kept, and how a filter is entered of which somebody listens to calls. */

#include "fd.h"
#include "io.h"
#include "profile-cache.h"
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ------ what is kept ------ */

static char home[] = "/tmp/kelp-oci-profile.XXXXXX";
static char dir_path[128];

static int make_home(void **state)
{
        (void)state;
        strcpy(strrchr(home, '.'), ".XXXXXX");
        if (!mkdtemp(home))
                return -1;
        snprintf(dir_path, sizeof(dir_path), "%s/cache/kelp/oci-filters", home);
        char path[64];
        snprintf(path, sizeof(path), "%s/cache", home);
        return setenv("XDG_CACHE_HOME", path, 1);
}

static int remove_home(void **state)
{
        char command[128];

        (void)state;
        snprintf(command, sizeof(command), "rm -rf '%s'", home);
        return system(command);
}

static void put(const char *profile, const char *body)
{
        struct err e = { 0 };
        autoprofilecache cache;
        struct profile_key key;

        profile_cache_open(&cache);
        profile_key_fill(&key, profile, strlen(profile));
        if (profile_cache_put(&cache, &key, body, strlen(body), &e) < 0)
                fail_msg("%s", e.text);
}

/* Whether what is kept for `profile` is `body`; NULL: nothing. */
static bool has(const char *profile, const char *body)
{
        autoprofilecache cache;
        struct profile_key key;
        char *data = NULL;
        size_t len = 0;

        profile_cache_open(&cache);
        profile_key_fill(&key, profile, strlen(profile));
        bool found = profile_cache_get(&cache, &key, &data, &len);
        bool is_it = body ? found && len == strlen(body) && memcmp(data, body, len) == 0 : !found;
        free(data);
        return is_it;
}

/* The one file in the directory. */
static void entry_path(char *ret, size_t size)
{
        char command[160];

        snprintf(command, sizeof(command), "ls -d '%s'/*.filter", dir_path);
        FILE *list = popen(command, "r");
        assert_non_null(list);
        assert_non_null(fgets(ret, (int)size, list));
        ret[strcspn(ret, "\n")] = '\0';
        assert_null(fgets(command, sizeof(command), list));
        pclose(list);
}

static void test_kept(void **state)
{
        struct stat st;

        (void)state;
        assert_true(has("{\"a\":1}", NULL));
        put("{\"a\":1}", "first");
        assert_true(has("{\"a\":1}", "first"));
        assert_true(has("{\"a\":2}", NULL));
        assert_true(has("{\"a\":1", NULL));
        put("{\"a\":1}", "second");
        assert_true(has("{\"a\":1}", "second"));
        assert_int_equal(stat(dir_path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
}

/* No bit of an entry can change, no byte be missing or too much, without it being none. */
static void test_damage(void **state)
{
        char path[256];
        char *data;
        size_t len;
        struct err e = { 0 };

        (void)state;
        put("{\"a\":1}", "the filter");
        entry_path(path, sizeof(path));
        assert_int_equal(io_read_file(AT_FDCWD, path, 4096, &data, &len, &e), 0);
        autofd fd = open(path, O_RDWR | O_CLOEXEC);
        for (size_t i = 0; i < len; i++) {
                char damaged = (char)(data[i] ^ (1 << i % 8));

                assert_int_equal(pwrite(fd, &damaged, 1, (off_t)i), 1);
                if (!has("{\"a\":1}", NULL))
                        fail_msg("byte %zu of the entry does not count", i);
                assert_int_equal(pwrite(fd, &data[i], 1, (off_t)i), 1);
        }
        assert_true(has("{\"a\":1}", "the filter"));
        assert_int_equal(pwrite(fd, "x", 1, (off_t)len), 1);
        assert_true(has("{\"a\":1}", NULL));
        for (size_t left = 0; left < len; left++) {
                assert_int_equal(ftruncate(fd, (off_t)left), 0);
                assert_true(has("{\"a\":1}", NULL));
        }
        free(data);
}

/* The name of a file is a hash: one that lies at the place of another profile is not taken. */
static void test_other_content(void **state)
{
        char one[256];
        char other[256];

        (void)state;
        put("{\"strict\":1}", "strict");
        entry_path(one, sizeof(one));
        snprintf(other, sizeof(other), "%s/kept", home);
        assert_int_equal(rename(one, other), 0);
        put("{\"loose\":1}", "loose");
        entry_path(other, sizeof(other));
        assert_int_equal(rename(other, one), 0);
        assert_true(has("{\"strict\":1}", NULL));
}

static void test_owner_and_age(void **state)
{
        char path[256];

        (void)state;
        put("{\"a\":1}", "x");
        entry_path(path, sizeof(path));
        assert_int_equal(chmod(path, 0620), 0);
        assert_true(has("{\"a\":1}", NULL));
        assert_int_equal(chmod(path, 0644), 0);
        assert_true(has("{\"a\":1}", "x"));

        const struct timespec old[2] = { { time(NULL) - 90000, 0 }, { time(NULL) - 90000, 0 } };
        const struct timespec late[2] = { { time(NULL) + 900, 0 }, { time(NULL) + 900, 0 } };
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        assert_true(has("{\"a\":1}", NULL));
        assert_int_equal(utimensat(AT_FDCWD, path, late, 0), 0);
        assert_true(has("{\"a\":1}", NULL));
        put("{\"a\":1}", "x");
        assert_true(has("{\"a\":1}", "x"));

        assert_int_equal(chmod(dir_path, 0770), 0);
        assert_true(has("{\"a\":1}", NULL));
        assert_int_equal(chmod(dir_path, 0700), 0);
        entry_path(path, sizeof(path));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/dev/zero", path), 0);
        assert_true(has("{\"a\":1}", NULL));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_true(has("{\"a\":1}", NULL));
}

static void test_many(void **state)
{
        char text[64];
        char command[160];
        int n = 0;

        (void)state;
        for (int i = 0; i < 80; i++) {
                snprintf(text, sizeof(text), "{\"n\":%d}", i);
                put(text, "x");
        }
        snprintf(command, sizeof(command), "ls '%s' | wc -l", dir_path);
        FILE *count = popen(command, "r");
        assert_non_null(count);
        assert_int_equal(fscanf(count, "%d", &n), 1);
        pclose(count);
        assert_int_equal(n, 64);
        assert_true(has("{\"n\":79}", "x"));
}

/* Without a home there is nothing, and that is all. */
static void test_no_home(void **state)
{
        struct err e = { 0 };
        autoprofilecache cache;
        struct profile_key key;

        (void)state;
        setenv("XDG_CACHE_HOME", "relative", 1);
        unsetenv("HOME");
        unsetenv("XDG_RUNTIME_DIR");
        profile_cache_open(&cache);
        profile_key_fill(&key, "x", 1);
        assert_int_equal(cache.dir, -1);
        assert_int_equal(profile_cache_put(&cache, &key, "y", 1, &e), -ENOENT);
        assert_true(has("x", NULL));
        setenv("HOME", "/proc", 1);
        e = (struct err){ 0 };
        assert_true(profile_cache_put(&cache, &key, "y", 1, &e) < 0);
        setenv("XDG_RUNTIME_DIR", home, 1);
        unsetenv("HOME");
        put("x", "y");
        assert_true(has("x", "y"));
}

/* ------ entering ------ */

#define STATE "{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":7,\"state\":{}}"

/* Whatever is called is answered by who listens; umask(2) is allowed. */
static struct sock_filter notify_all[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umask, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static struct sock_filter refuse_all[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static const struct profile listened = {
        .program = { 4, notify_all },
        .flags = SECCOMP_FILTER_FLAG_TSYNC,
        .has_listener = true,
};

/* Enters `p`, and exits with what profile_enter() returns where a call is possible. */
static pid_t start(const struct profile *p, int sock)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        struct err e = { 0 };
        /* a sanitizer's handler could not end us either */
        signal(SIGILL, SIG_DFL);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        int r = profile_enter(p, sock, STATE, &e);
        if (r == 0 && p->has_listener)
                r = (int)syscall(SYS_getppid);
        else if (r == 0)
                r = syscall(SYS_getppid) == -1 ? errno : 0;
        syscall(SYS_exit_group, r < 0 ? -r : r);
        __builtin_trap();
}

static int exit_of(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_plain(void **state)
{
        struct profile p = { .program = { 4, refuse_all }, .flags = SECCOMP_FILTER_FLAG_TSYNC };

        (void)state;
        assert_int_equal(exit_of(start(&p, -1)), EXDEV);
        p.program.len = 0;
        assert_int_equal(exit_of(start(&p, -1)), 0);
        p.program.len = 4;
        p.flags = 1u << 30;
        assert_int_equal(exit_of(start(&p, -1)), EINVAL);
}

/* One message, one descriptor; it is the listener. */
static int receive_listener(int sock)
{
        char text[512] = "";
        union {
                char bytes[CMSG_SPACE(4 * sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = { text, sizeof(text) - 1 };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
        int fd = -1;

        assert_int_equal(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), strlen(STATE));
        assert_string_equal(text, STATE);
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        assert_non_null(header);
        assert_int_equal(header->cmsg_type, SCM_RIGHTS);
        assert_int_equal(header->cmsg_len, CMSG_LEN(sizeof(int)));
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        return fd;
}

/* Answers calls, but for exit_group(2), which goes on. */
static void answer(int listener, int expected_nr, int64_t value)
{
        struct seccomp_notif call = { 0 };
        struct seccomp_notif_resp reply = { 0 };

        assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call), 0);
        assert_int_equal(call.data.nr, expected_nr);
        reply.id = call.id;
        reply.val = value;
        if (expected_nr == SYS_exit_group)
                reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply), 0);
}

/* Not one call of ours is made under the filter: the first that is asked for is the command's. */
static void test_listener(void **state)
{
        int ends[2];

        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        pid_t pid = start(&listened, ends[1]);
        close(ends[1]);
        autofd listener = receive_listener(ends[0]);
        answer(listener, SYS_getppid, 42);
        answer(listener, SYS_exit_group, 0);
        assert_int_equal(exit_of(pid), 42);
        close(ends[0]);
}

/* Whoever should listen has gone: the error is told, and the next call does not hang. */
static void test_nobody_listens(void **state)
{
        int ends[2];

        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        close(ends[0]);
        pid_t pid = start(&listened, ends[1]);
        close(ends[1]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        /* exit_group(2) is refused, too: ENOSYS without a listener; then there is no way to end but badly */
        assert_true(WIFSIGNALED(status));
        assert_int_equal(exit_of(start(&listened, -1)), EINVAL);
}

static void test_connect(void **state)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct bundle b = { .seccomp_listener = NULL };
        struct err e = { 0 };
        char path[160];
        int fd;

        (void)state;
        assert_int_equal(profile_connect(&b, &fd, &e), 0);
        assert_int_equal(fd, -1);
        snprintf(path, sizeof(path), "%s/%0100d", home, 1);
        b.seccomp_listener = path;
        assert_int_equal(profile_connect(&b, &fd, &e), -ENOENT);
        autofd server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", home);
        assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(server, 1), 0);
        assert_int_equal(rename(address.sun_path, path), 0);
        e = (struct err){ 0 };
        assert_int_equal(profile_connect(&b, &fd, &e), 0);
        assert_true(fd >= 0);
        close(fd);
}

#define IN_HOME(test) cmocka_unit_test_setup_teardown(test, make_home, remove_home)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_HOME(test_kept),
                IN_HOME(test_damage),
                IN_HOME(test_other_content),
                IN_HOME(test_owner_and_age),
                IN_HOME(test_many),
                IN_HOME(test_no_home),
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_listener),
                cmocka_unit_test(test_nobody_listens),
                IN_HOME(test_connect),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
