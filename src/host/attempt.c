#include "attempt.h"

#include "cause.h"
#include "fd.h"
#include "io.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* No call that is tried here waits for anything: one that takes longer will never come back. */
#define TIMEOUT_MS 3000

struct report {
        struct err err;
        char note[HOST_NOTE_SIZE];
};

int host_failed(struct err *e, int topic, int code)
{
        e->step = topic;
        return code;
}

static int enter_userns(int sock, struct report *report)
{
        struct err *e = &report->err;
        char go = 0;

        if (unshare(CLONE_NEWUSER) < 0)
                return host_failed(e, HOST_TOPIC_USERNS,
                                   err_sys(e, "cannot make a user namespace"));
        if (io_send(sock, "u", 1, NULL, 0, e) < 0)
                return -e->code;
        ssize_t n = io_receive(sock, &go, 1, NULL, 0, NULL, e);
        if (n <= 0)
                return err_set(e, EPIPE, "the maps were not written");
        return 0;
}

/* The whole of the child. */
static void child_main(const struct host_attempt *attempt, int sock)
{
        struct report report = { 0 };
        struct err unused = { 0 };

        /* the caller kills this process; this one takes what it started along */
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (!attempt->in_userns || enter_userns(sock, &report) == 0) {
                if (attempt->run)
                        attempt->run(attempt->data, report.note, &report.err);
        }
        io_send(sock, &report, sizeof(report), NULL, 0, &unused);
}

/* In a namespace of an unprivileged user, one id is mapped, by a process outside of it. */
static int write_single_map(const struct host_view *v, pid_t pid, struct err *e)
{
        char path[64];
        char text[64];
        struct {
                const char *file;
                unsigned id;
        } maps[] = { { "uid_map", v->uid }, { "gid_map", v->gid } };

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        autofd dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return host_failed(e, HOST_TOPIC_ID_MAP, err_sys(e, "cannot open '%s'", path));
        if (io_write_file(dir, "setgroups", "deny", e) < 0)
                return host_failed(e, HOST_TOPIC_ID_MAP, -e->code);
        for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
                snprintf(text, sizeof(text), "0 %u 1\n", maps[i].id);
                if (io_write_file(dir, maps[i].file, text, e) < 0)
                        return host_failed(e, HOST_TOPIC_ID_MAP, -e->code);
        }
        return 0;
}

/* Gives the length of the child's next message; 0: it is gone. */
static ssize_t next_message(int sock, struct report *report, struct err *e)
{
        int n = io_wait(sock, TIMEOUT_MS);

        if (n < 0)
                return err_sys(e, "cannot wait for a child");
        if (n == 0)
                return err_set(e, ETIMEDOUT, "a call did not come back within %d s",
                               TIMEOUT_MS / 1000);
        return io_receive(sock, report, sizeof(*report), NULL, 0, NULL, e);
}

static int died(struct child *child, struct err *e)
{
        int status = 0;

        if (proc_wait(child, &status, e) < 0)
                return -e->code;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
                return host_failed(e, HOST_TOPIC_SECCOMP,
                                   err_set(e, ENOSYS, "killed by a system call filter"));
        return err_set(e, EIO, "a child ended with status %d", proc_exit_code(status));
}

static int finish(struct child *child, int sock, char *ret_note, struct err *e)
{
        struct report report;
        ssize_t n = next_message(sock, &report, e);

        if (n == 0)
                return died(child, e);
        if (n < 0)
                return (int)n;
        if (n != (ssize_t)sizeof(report))
                return err_set(e, EPROTO, "a child sent %zd bytes", n);
        if (ret_note)
                memcpy(ret_note, report.note, sizeof(report.note));
        if (report.err.code == 0)
                return 0;
        *e = report.err;
        return -e->code;
}

/* The parent's part between the child's unshare and its work. */
static int map_child(const struct host_view *v, const struct host_attempt *attempt,
                     struct child *child, int sock, struct err *e)
{
        struct report report;
        ssize_t n = next_message(sock, &report, e);

        if (n == 0)
                return died(child, e);
        if (n < 0)
                return (int)n;
        if (n == (ssize_t)sizeof(report)) {
                *e = report.err;
                return -e->code;
        }
        int r = attempt->map ? attempt->map(v, child->pid, attempt->data, e)
                             : write_single_map(v, child->pid, e);
        if (r < 0)
                return r;
        return io_send(sock, "g", 1, NULL, 0, e);
}

int host_attempt(const struct host_view *v, const struct host_attempt *attempt, char *ret_note,
                 struct err *e)
{
        autofd sock = -1;
        pid_t pid = proc_fork_linked(&sock, e);

        if (pid < 0)
                return pid;
        if (pid == 0) {
                child_main(attempt, sock);
                _exit(0);
        }
        autochild child = { .pid = pid, .pidfd = -1 };

        if (attempt->in_userns) {
                int r = map_child(v, attempt, &child, sock, e);
                if (r < 0)
                        return r;
        }
        return finish(&child, sock, ret_note, e);
}

int host_attempt_fork(int (*run)(void *data, struct err *e), void *data, struct err *e)
{
        struct err result = { 0 };
        autofd in = -1;
        autofd out = -1;

        if (fd_pipe(&in, &out, e) < 0)
                return -e->code;

        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork");
        if (pid == 0) {
                struct err unused = { 0 };

                prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
                run(data, &result);
                io_write_all(out, &result, sizeof(result), "pipe", &unused);
                _exit(0);
        }
        struct child child = { .pid = pid, .pidfd = -1 };
        fd_close(&out);

        /* smaller than PIPE_BUF: one read gives all of it */
        ssize_t n = io_read(in, &result, sizeof(result));
        proc_kill_child(&child);
        if (n != (ssize_t)sizeof(result))
                return err_set(e, EIO, "a child ended early");
        if (result.code == 0)
                return 0;
        *e = result;
        return -e->code;
}

/* Reads until the end of the stream or the deadline; what does not fit is dropped. */
static int collect(int fd, char *text, size_t size, struct err *e)
{
        uint64_t deadline = io_now() + (uint64_t)TIMEOUT_MS * 1000000;
        size_t len = 0;

        for (;;) {
                uint64_t now = io_now();
                int left = now < deadline ? (int)((deadline - now) / 1000000) : 0;
                struct pollfd ready = { .fd = fd, .events = POLLIN };
                char rest[256];
                int n = poll(&ready, 1, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return err_set(e, ETIMEDOUT, "no answer within %d s", TIMEOUT_MS / 1000);
                ssize_t got = read(fd, rest, sizeof(rest));
                if (got <= 0)
                        break;
                size_t room = size - 1 - len;
                size_t kept = (size_t)got < room ? (size_t)got : room;
                memcpy(text + len, rest, kept);
                len += kept;
        }
        text[len] = '\0';
        return 0;
}

int host_run_program(const char *const *argv, char *ret_text, size_t size, int *ret_code,
                     struct err *e)
{
        autochild child = CHILD_NONE;
        autofd in = -1;
        autofd out = -1;
        int status = 0;

        if (fd_pipe(&in, &out, e) < 0)
                return -e->code;
        struct proc_spec spec = {
                .path = argv[0],
                .argv = argv,
                .stdin_fd = -1,
                .stdout_fd = out,
                .stderr_fd = out,
                .die_with_parent = true,
        };

        if (proc_start(&spec, &child, e) < 0)
                return -e->code;
        fd_close(&out);
        if (collect(in, ret_text, size, e) < 0)
                return err_prefix(e, "'%s'", argv[0]);
        if (proc_wait(&child, &status, e) < 0)
                return -e->code;
        *ret_code = proc_exit_code(status);
        return 0;
}
