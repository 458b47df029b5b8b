/* What the process that talks to the network can still do, seen from inside. */

#include "confine.h"
#include "fd.h"
#include "proc.h"

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
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
        char path[64];
        int writable;
        int readable;
        int parent;
};

/* Returns the number of the first check that fails; 0: all hold. */
static int check_files(const struct place *p)
{
        char path[128];

        if (openat(p->writable, "new", O_WRONLY | O_CREAT, 0600) < 0)
                return 1;
        if (renameat(p->writable, "new", p->writable, "old") < 0 ||
            unlinkat(p->writable, "old", 0) < 0)
                return 2;
        if (openat(p->readable, "blob", O_RDONLY) < 0)
                return 3;
        if (openat(p->readable, "blob", O_WRONLY) >= 0 ||
            openat(p->readable, "new", O_WRONLY | O_CREAT, 0600) >= 0 ||
            unlinkat(p->readable, "blob", 0) == 0)
                return 4;
        snprintf(path, sizeof(path), "%s/secret", p->path);
        if (open(path, O_RDONLY) >= 0 || open(path, O_WRONLY) >= 0 ||
            openat(p->writable, "../secret", O_RDONLY) >= 0)
                return 5;
        if (linkat(p->readable, "blob", p->writable, "link", 0) == 0)
                return 6;
        if (open("/etc/passwd", O_RDONLY) >= 0 || open("/proc/self/environ", O_RDONLY) >= 0 ||
            open("/", O_RDONLY | O_DIRECTORY) >= 0)
                return 7;
        if (mkdirat(p->writable, "dir", 0700) == 0 || symlinkat("/", p->writable, "link") == 0)
                return 8;
        return open("/etc/nsswitch.conf", O_RDONLY) < 0 && errno != ENOENT ? 9 : 0;
}

static int check_processes(void)
{
        char *const argv[] = { (char[]){ "true" }, NULL };
        char c = 'x';

        execve("/bin/true", argv, NULL);
        if (errno != EPERM && errno != EACCES)
                return 20;
        if (fork() >= 0 || syscall(SYS_vfork) >= 0)
                return 21;
        if (unshare(CLONE_NEWUSER) == 0 || syscall(SYS_clone3, NULL, 0) >= 0)
                return 22;
        if (ioctl(STDERR_FILENO, TIOCSTI, &c) == 0 || errno != EPERM)
                return 23;
        return 0;
}

static int check_rest(const struct place *p)
{
        struct sockaddr_in any = { .sin_family = AF_INET };
        struct rlimit core;
        int s = socket(AF_INET, SOCK_STREAM, 0);

        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0)
                return 30;
        if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
                return 31;
        if (fd_is_open(100))
                return 32;
        if (s < 0)
                return 33;
        /* Landlock ABI 4; an older kernel does not know the rule */
        if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 4 &&
            bind(s, (struct sockaddr *)&any, sizeof(any)) == 0)
                return 34;
        (void)p;
        return 0;
}

static _Noreturn void be_confined(const struct place *p)
{
        int keep[] = { p->writable, p->readable, p->parent };
        const struct confine_spec spec = {
                .writable = p->writable,
                .readable = p->readable,
                .keep = keep,
                .n_keep = 3,
                .parent = p->parent,
        };
        bool has_landlock = false;
        struct err e = { 0 };

        dup2(p->parent, 100);
        if (confine_enter(&spec, &has_landlock, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                _exit(90);
        }
        int r = check_processes();
        if (r == 0)
                r = check_rest(p);
        if (r == 0 && has_landlock)
                r = check_files(p);
        _exit(r == 0 && !has_landlock ? 77 : r);
}

static int make(const char *top, const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", top, name);
        return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int make_directory(const char *top, const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", top, name);
        assert_int_equal(mkdir(path, 0700), 0);
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void confined(void **state)
{
        struct place p = { .path = "/tmp/kelp-confine.XXXXXX" };
        struct err e = { 0 };
        int status;

        (void)state;
        assert_non_null(mkdtemp(p.path));
        /* from 3 on and ascending */
        p.writable = make_directory(p.path, "writable");
        p.readable = make_directory(p.path, "readable");
        close(make(p.path, "secret"));
        close(make(p.path, "readable/blob"));
        p.parent = proc_pidfd(getpid(), &e);
        assert_true(p.parent > p.readable);
        pid_t pid = fork();
        if (pid == 0)
                be_confined(&p);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        unlinkat(p.readable, "blob", 0);
        unlinkat(p.writable, "../secret", 0);
        unlinkat(p.writable, "../writable", AT_REMOVEDIR);
        unlinkat(p.readable, "../readable", AT_REMOVEDIR);
        assert_int_equal(rmdir(p.path), 0);
        if (WEXITSTATUS(status) == 77) {
                print_message("the machine lacks Landlock\n");
                skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(confined) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
