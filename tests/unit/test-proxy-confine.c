/* What the proxy can still do, seen from inside. */

#include "confine.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Returns the number of the first check that fails; 0: all hold.  Each could be done before. */
static int check_files(void)
{
        if (open("/etc/hosts", O_RDONLY) < 0 && errno != ENOENT)
                return 1;
        if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
                return 2;
        if (open("/proc/self/environ", O_RDONLY) >= 0 || open("/", O_RDONLY | O_DIRECTORY) >= 0)
                return 3;
        return 0;
}

static int check_writing(const char *path)
{
        static const int flags[] = { O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC,
                                     O_WRONLY | O_APPEND };

        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                if (open(path, flags[i], 0600) >= 0 || errno != EPERM)
                        return 10 + (int)i;
        }
        if (unlink(path) == 0 || rename(path, "/tmp/x") == 0 || mkdir("/tmp/kelp-x", 0700) == 0 ||
            truncate(path, 0) == 0 || chmod(path, 0) == 0 || link(path, "/tmp/kelp-y") == 0)
                return 19;
        return 0;
}

static int check_processes(void)
{
        char *const argv[] = { (char[]){ "true" }, NULL };

        if (execve("/bin/true", argv, NULL) == 0 || errno != EPERM)
                return 20;
        if (fork() >= 0 || syscall(SYS_vfork) >= 0 || syscall(SYS_clone3, NULL, 0) >= 0)
                return 21;
        if (unshare(CLONE_NEWUSER) == 0 || setns(0, 0) == 0 || errno != EPERM)
                return 22;
        if (kill(getppid(), 0) == 0 || syscall(SYS_ptrace, 16, getppid(), 0, 0) == 0)
                return 23;
        if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
            MAP_FAILED)
                return 24;
        if (syscall(SYS_pidfd_open, getpid(), 0) >= 0 ||
            syscall(SYS_io_uring_setup, 1, NULL) >= 0 || syscall(SYS_bpf, 0, NULL, 0) >= 0 ||
            syscall(SYS_openat2, -1, NULL, NULL, 0) >= 0)
                return 25;
        return 0;
}

static int check_sockets(void)
{
        struct sockaddr_in any = { .sin_family = AF_INET };
        int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int pair[2];

        if (tcp < 0 || socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0) < 0)
                return 30;
        for (int family = 0; family < 46; family++) {
                for (int type = 1; type <= 5; type++) {
                        bool is_ours = (family == AF_INET || family == AF_INET6) &&
                                       (type == SOCK_STREAM || type == SOCK_DGRAM);

                        if (!is_ours && (socket(family, type, 0) >= 0 || errno != EPERM))
                                return 31;
                }
        }
        if (bind(tcp, (struct sockaddr *)&any, sizeof(any)) == 0 || listen(tcp, 1) == 0)
                return 32;
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
                return 33;
        /* descriptors neither come nor go */
        struct msghdr msg = { 0 };
        if (sendmsg(tcp, &msg, 0) >= 0 || errno != EPERM || recvmsg(tcp, &msg, 0) >= 0 ||
            errno != EPERM)
                return 34;
        return 0;
}

/* Nor do signals, which a socket could be made to send. */
static int check_signals(int *ret_fd)
{
        *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (*ret_fd < 0 || fcntl(*ret_fd, F_SETFL, O_NONBLOCK) < 0)
                return 50;
        if (fcntl(*ret_fd, F_SETOWN, getppid()) == 0 || fcntl(*ret_fd, F_SETSIG, SIGTERM) == 0)
                return 51;
        return errno == EPERM ? 0 : 52;
}

/* The files in /proc of a process that is not dumpable are not its user's, but root's. */
static bool is_dumpable(uid_t user)
{
        struct stat st;

        return stat("/proc/self/environ", &st) < 0 || st.st_uid == user;
}

static int check_rest(uid_t user)
{
        struct rlimit core;

        if (fd_is_open(100) || !fd_is_open(50))
                return 40;
        if (getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max != 0)
                return 41;
        /* root's are root's in either case */
        return user != 0 && is_dumpable(user) ? 42 : 0;
}

static _Noreturn void be_confined(const char *path)
{
        struct config_listener listener = { .fd = 50 };
        const struct config config = { .listeners = &listener, .n_listeners = 1, .log_fd = -1 };
        bool has_landlock = false;
        uid_t user = geteuid();
        struct err e = { 0 };

        if (dup2(0, 50) < 0 || dup2(0, 51) < 0 || dup2(0, 100) < 0 ||
            confine_descriptors(&config, 51, &e) < 0 || confine_enter(&has_landlock, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                _exit(90);
        }
        int r = check_writing(path);
        if (r == 0)
                r = check_processes();
        if (r == 0)
                r = check_sockets();
        int fd;
        if (r == 0)
                r = check_signals(&fd);
        if (r == 0)
                r = check_rest(user);
        if (r == 0 && has_landlock)
                r = check_files();
        _exit(r == 0 && !has_landlock ? 77 : r);
}

static void confined(void **state)
{
        char path[] = "/tmp/kelp-confine.XXXXXX";
        int fd = mkstemp(path);
        int status;

        (void)state;
        assert_true(fd >= 0);
        pid_t pid = fork();
        if (pid == 0)
                be_confined(path);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        /* the control: all of it can be done here */
        int tcp;
        assert_int_equal(check_signals(&tcp), 51);
        close(tcp);
        assert_int_equal(check_files(), 2);
        assert_true(is_dumpable(geteuid()));
        assert_int_equal(access(path, R_OK | W_OK), 0);
        close(fd);
        unlink(path);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) {
                print_message("the machine lacks Landlock\n");
                skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void same_descriptor_twice(void **state)
{
        struct config_listener listeners[] = { { .fd = 50 }, { .fd = 50 } };
        const struct config config = { .listeners = listeners, .n_listeners = 2, .log_fd = -1 };
        struct err e = { 0 };

        (void)state;
        assert_int_equal(confine_descriptors(&config, 51, &e), -EINVAL);
        listeners[1].fd = 1;
        assert_int_equal(confine_descriptors(&config, 51, &e), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(confined),
                cmocka_unit_test(same_descriptor_twice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
