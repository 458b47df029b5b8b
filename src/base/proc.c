#include "proc.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const default_env[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        NULL,
};

int proc_pidfd(pid_t pid, struct err *e)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);

        if (fd < 0)
                return err_sys(e, "cannot open a pidfd of process %d", (int)pid);
        return fd;
}

int proc_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
        char path[32];
        char text[1024];
        struct err unused = { 0 };

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof(text));
        if (n < 0)
                return (int)n;
        /* the name, in parentheses, may have anything in it: field 3 is behind the last one */
        char *at = strrchr(text, ')');
        char *field = NULL;
        if (!at || at[1] == '\0')
                return -EBADMSG;
        at += 2;
        *ret_state = at[0];
        for (int i = 3; i <= 22; i++)
                field = str_next_field(&at, ' ');
        return field && parse_number(field, 0, UINT64_MAX, ret_start, &unused) == 0 ? 0 : -EBADMSG;
}

int proc_start_time(pid_t pid, uint64_t *ret)
{
        char state;

        return proc_stat(pid, &state, ret);
}

int proc_find_place(pid_t pid, struct proc_place *ret)
{
        static const char numbers[] = "\nNSpid:\t";
        struct proc_place place = { .depth = 0 };
        struct err unused = { 0 };
        autofree char *text = NULL;
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
        int r = io_read_file(AT_FDCWD, path, PROC_STATUS_MAX, &text, NULL, &unused);
        if (r < 0)
                return r;
        /* a line break in the name is escaped */
        char *at = strstr(text, numbers);
        if (!at || sscanf(text, "Name:\t%15[^\n]", place.name) != 1)
                return -EBADMSG;
        char *line = at + sizeof(numbers) - 1;
        line[strcspn(line, "\n")] = '\0';
        for (char *field; (field = str_next_field(&line, '\t')) != NULL; place.depth++) {
                if (parse_number(field, 0, INT32_MAX, &place.inner_pid, &unused) < 0)
                        return -EBADMSG;
        }
        *ret = place;
        return 0;
}

/*
 * The kernel lays arguments, environment and the program's name out as one block of strings, in this
 * order.  The last one is there when the environment is empty, too.
 */
void proc_wipe_arguments(const char *name)
{
        char *start = program_invocation_name;
        const char *program = (const char *)getauxval(AT_EXECFN);
        const char *end = start + strlen(start) + 1;

        if (program && program + strlen(program) + 1 > end)
                end = program + strlen(program) + 1;
        for (char **env = environ; env && *env; env++) {
                if (*env + strlen(*env) + 1 > end)
                        end = *env + strlen(*env) + 1;
        }
        size_t size = (size_t)(end - start);
        size_t len = strlen(name);

        explicit_bzero(start, size);
        /* not by printf, whose pages each sandbox would have for itself from then on */
        memcpy(start, name, len < size ? len : size - 1);
        /* without it the name is that of the program, which does no harm */
        prctl(PR_SET_NAME, name, 0, 0, 0);
}

int proc_reset_signals(struct err *e)
{
        struct sigaction sa = { .sa_handler = SIG_DFL };
        sigset_t none;

        for (int i = 1; i < _NSIG; i++) {
                /* the two that cannot be changed, and those that the C library keeps for itself */
                if (i == SIGKILL || i == SIGSTOP || (i > SIGSYS && i < SIGRTMIN))
                        continue;
                if (sigaction(i, &sa, NULL) < 0)
                        return err_sys(e, "cannot reset signal %d", i);
        }
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return err_sys(e, "cannot unblock the signals");
        return 0;
}

void proc_die_by(int number)
{
        sigset_t one;

        signal(number, SIG_DFL);
        sigemptyset(&one);
        sigaddset(&one, number);
        raise(number);
        sigprocmask(SIG_UNBLOCK, &one, NULL);
}

int proc_die_with(int parent_pidfd, struct err *e)
{
        struct pollfd gone = { .fd = parent_pidfd, .events = POLLIN };

        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return err_sys(e, "cannot ask to die with the launcher");
        if (poll(&gone, 1, 0) != 0)
                return err_set(e, ESRCH, "the launcher is gone");
        return 0;
}

static int wait_pid(pid_t pid, int *ret_status)
{
        pid_t got;

        do {
                got = waitpid(pid, ret_status, 0);
        } while (got < 0 && errno == EINTR);
        return got < 0 ? -errno : 0;
}

void proc_kill_child(struct child *child)
{
        int saved = errno;
        int status;

        if (child->pid > 0) {
                kill(child->pid, SIGKILL);
                wait_pid(child->pid, &status);
        }
        child->pid = 0;
        fd_close(&child->pidfd);
        errno = saved;
}

/*
 * Puts `fd` (or /dev/null for -1) on the standard stream `target`.  The source was moved above 2
 * before, so an earlier stream cannot have overwritten it.
 */
static int place_standard(int fd, int target, int null_fd)
{
        int from = fd >= 0 ? fd : null_fd;

        return dup2(from, target) < 0 ? -errno : 0;
}

static int high_copy(int fd)
{
        return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

static int child_streams(const struct proc_spec *spec)
{
        int null_fd = high_copy(open("/dev/null", O_RDWR | O_CLOEXEC));
        int in = high_copy(spec->stdin_fd);
        int out = high_copy(spec->stdout_fd);
        int err = high_copy(spec->stderr_fd);

        if (null_fd < 0 || (in < 0 && spec->stdin_fd >= 0) || (out < 0 && spec->stdout_fd >= 0) ||
            (err < 0 && spec->stderr_fd >= 0))
                return -errno;
        if (place_standard(in, STDIN_FILENO, null_fd) < 0 ||
            place_standard(out, STDOUT_FILENO, null_fd) < 0)
                return -errno;
        if (err >= 0 && place_standard(err, STDERR_FILENO, null_fd) < 0)
                return -errno;
        return 0;
}

/* Runs in the child; everything that is not kept is close-on-exec.  Returns only on failure. */
static void child_exec(const struct proc_spec *spec, int parent_pidfd, struct err *e)
{
        const char *const *env = spec->env ? spec->env : default_env;

        if (proc_reset_signals(e) < 0)
                return;
        if (spec->die_with_parent && proc_die_with(parent_pidfd, e) < 0)
                return;
        if (child_streams(spec) < 0) {
                err_sys(e, "cannot set the standard streams of '%s'", spec->path);
                return;
        }
        if (fd_cloexec_others(e) < 0)
                return;
        for (size_t i = 0; i < spec->n_keep; i++) {
                if (fd_set_cloexec(spec->keep[i], false, e) < 0)
                        return;
        }
        if (spec->prepare && spec->prepare(spec->prepare_arg, e) < 0)
                return;
        execve(spec->path, (char *const *)spec->argv, (char *const *)env);
        err_sys(e, "cannot execute '%s'", spec->path);
}

/* May have the memory of its parent, which waits: what is written here is in frames of its own. */
static _Noreturn void be_child(const struct proc_spec *spec, int parent_pidfd, int to_parent)
{
        struct err failure = { 0 };
        struct err unused = { 0 };

        child_exec(spec, parent_pidfd, &failure);
        io_write_all(to_parent, &failure, sizeof(failure), "pipe", &unused);
        _exit(127);
}

/*
 * *ret_from_child hears why it could not be executed.  `is_lent`: the child has our memory until it is
 * another program, and we wait, which spares copying it; it writes to nothing of ours but its own frames.
 */
static int begin_child(const struct proc_spec *spec, int self, bool is_lent,
                       struct child *ret_child, int *ret_from_child, struct err *e)
{
        autofd from_child = -1;
        autofd to_parent = -1;

        if (fd_pipe(&from_child, &to_parent, e) < 0)
                return -e->code;
        /* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork): see above */
        pid_t pid = is_lent ? vfork() : fork();
        if (pid < 0)
                return err_sys(e, "cannot fork for '%s'", spec->path);
        if (pid == 0)
                be_child(spec, self, to_parent); /* NOLINT(clang-analyzer-unix.Vfork): see there */
        ret_child->pid = pid;
        *ret_from_child = fd_take(&from_child);
        return 0;
}

/* Nothing but the end of the pipe means that exec worked. */
static int hear_child(const struct proc_spec *spec, int from_child, struct child *child,
                      struct err *e)
{
        struct err failure = { 0 };
        ssize_t n = io_read(from_child, &failure, sizeof(failure));

        if (n != 0) {
                if (n != (ssize_t)sizeof(failure))
                        return err_set(e, EPROTO, "'%s' could not be started", spec->path);
                *e = failure;
                return -e->code;
        }
        child->pidfd = proc_pidfd(child->pid, e);
        return child->pidfd < 0 ? -e->code : 0;
}

int proc_start(const struct proc_spec *spec, struct child *ret_child, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);
        autochild child = CHILD_NONE;
        autofd from_child = -1;

        if (self < 0 || begin_child(spec, self, false, &child, &from_child, e) < 0 ||
            hear_child(spec, from_child, &child, e) < 0)
                return -e->code;
        *ret_child = child;
        child = (struct child)CHILD_NONE;
        return 0;
}

int proc_start_pair(const struct proc_spec specs[2], struct child ret_children[2], struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);
        autochild one = CHILD_NONE;
        autochild other = CHILD_NONE;
        autofd from_one = -1;
        autofd from_other = -1;

        /* a pipe of one that the other had would keep nobody: it goes when that is executed */
        if (self < 0 || begin_child(&specs[0], self, true, &one, &from_one, e) < 0 ||
            begin_child(&specs[1], self, true, &other, &from_other, e) < 0 ||
            hear_child(&specs[0], from_one, &one, e) < 0 ||
            hear_child(&specs[1], from_other, &other, e) < 0)
                return -e->code;
        ret_children[0] = one;
        ret_children[1] = other;
        one = other = (struct child)CHILD_NONE;
        return 0;
}

pid_t proc_fork_linked(int *ret_sock, struct err *e)
{
        autofd near = -1;
        autofd far = -1;

        if (fd_socketpair(&near, &far, e) < 0)
                return -e->code;
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork");
        *ret_sock = fd_take(pid == 0 ? &far : &near);
        return pid;
}

int proc_wait(struct child *child, int *ret_status, struct err *e)
{
        int status = 0;
        int r = wait_pid(child->pid, &status);

        if (r < 0) {
                errno = -r;
                return err_sys(e, "cannot wait for process %d", (int)child->pid);
        }
        child->pid = 0;
        fd_close(&child->pidfd);
        *ret_status = status;
        return 0;
}

int proc_exit_code(int wait_status)
{
        if (WIFSIGNALED(wait_status))
                return 128 + WTERMSIG(wait_status);
        return WEXITSTATUS(wait_status);
}
