#include "inject-calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Runs a command and makes one system call fail, of all that the command and its descendants make
 * until the payload is executed; or kills the process that was about to make it.  The calls are
 * counted over all processes together, so that every point of a launch has a number.
 *
 *      inject [-a] [-b BEGIN] [-x OTHER] [-n NUMBER] [-k POINT -e ERRNO | -k POINT -s SIGNAL]
 *             [-w SECONDS] [-l LIST] -p PAYLOAD -o REPORT -- COMMAND
 *
 * NUMBER is that of a system call: only those are counted.  ERRNO and SIGNAL are names; an ERRNO of 0 lets the call succeed without being made.  PAYLOAD is the
 * command name (comm) that ends the counting: all processes are let go then; with -a only the payload
 * is, and the calls of those who look after it are counted on.  BEGIN is the name of the program with
 * which it begins, and it ends with that one's end at the latest; a
 * program of the name OTHER is let go.  REPORT gets one line of KEY=VALUE
 * words, LIST a line for each call that was counted.
 *
 * A set-user-ID program does not work under a tracer without privilege, so newuidmap and newgidmap
 * are let go before they are executed.
 */

#define MAX_TASKS 512

struct task {
        pid_t pid;
        bool is_seen;    /* its first stop has come */
        bool is_failing; /* the call that it is in is the one to fail */
        bool is_inside;  /* between entry and exit of a call */
};

struct job {
        long point;
        long number; /* of the calls that are counted; -1: all */
        int error;
        int signal;
        int wait_seconds;
        bool goes_on;      /* after the payload was started */
        const char *begin; /* NULL: with the command */
        const char *other; /* NULL: none */
        FILE *list;
        const char *payload;
        const char *report;
        char **command;
};

struct state {
        struct task tasks[MAX_TASKS];
        size_t n_tasks;
        pid_t root;
        long count;
        long failed_nr;
        pid_t failed_pid;
        char failed_name[32];
        pid_t first;     /* whose execution has begun the counting */
        bool is_started; /* it goes on */
        bool is_hit;
        bool has_payload;
        bool is_hung;
        bool root_ended;
        int root_status;
        unsigned n_left;
        char left[256];
};

static struct task *find_task(struct state *s, pid_t pid)
{
        for (size_t i = 0; i < s->n_tasks; i++) {
                if (s->tasks[i].pid == pid)
                        return &s->tasks[i];
        }
        if (s->n_tasks == MAX_TASKS)
                return NULL;
        s->tasks[s->n_tasks] = (struct task){ .pid = pid };
        return &s->tasks[s->n_tasks++];
}

static void drop_task(struct state *s, pid_t pid)
{
        for (size_t i = 0; i < s->n_tasks; i++) {
                if (s->tasks[i].pid == pid)
                        s->tasks[i] = s->tasks[--s->n_tasks];
        }
}

static void list_call(const struct job *job, const struct state *s, const struct task *t,
                      uint64_t nr)
{
        char comm[32];

        if (!job->list)
                return;
        inject_read_comm(t->pid, comm, sizeof(comm));
        fprintf(job->list, "%ld %llu %d %s\n", s->count, (unsigned long long)nr, t->pid, comm);
}

/* Where a program in the middle begins it, whoever has started that one is no part of it. */
static bool counts(const struct job *job, const struct state *s, const struct task *t, uint64_t nr)
{
        if (!s->is_started || (job->begin && t->pid == s->root))
                return false;
        return job->number < 0 ? inject_can_fail(nr) : nr == (uint64_t)job->number;
}

/* Returns false when the task was let go or killed. */
static bool on_entry(const struct job *job, struct state *s, struct task *t, uint64_t nr,
                     uint64_t arg)
{
        bool is_counted = counts(job, s, t, nr);

        if (is_counted) {
                s->count++;
                list_call(job, s, t, nr);
        }
        if (is_counted && s->count == job->point) {
                s->is_hit = true;
                s->failed_nr = (long)nr;
                s->failed_pid = t->pid;
                inject_read_comm(t->pid, s->failed_name, sizeof(s->failed_name));
                if (job->signal) {
                        kill(t->pid, job->signal);
                        ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
                        return false;
                }
                t->is_failing = true;
                /* a close that fails has closed all the same: close(2) */
                if (nr != SYS_close)
                        inject_skip_call(t->pid);
                return true;
        }
        if (inject_runs_setuid(t->pid, nr, arg)) {
                ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
                return false;
        }
        return true;
}

static void on_syscall(const struct job *job, struct state *s, struct task *t)
{
        struct __ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) <= 0)
                return;
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                if (!on_entry(job, s, t, info.entry.nr, info.entry.args[0]))
                        return;
        } else if (t->is_failing) {
                t->is_failing = false;
                inject_set_result(t->pid, job->error);
        }
        ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL);
}

/* For a task that stops after it was told to; false when it ended or does not stop. */
static bool await_stop(struct state *s, pid_t pid, int *status)
{
        for (int i = 0; i < 1000; i++) {
                pid_t got = waitpid(pid, status, __WALL | WNOHANG);

                if (got == pid && WIFSTOPPED(*status))
                        return true;
                if (got == pid && pid == s->root) {
                        s->root_ended = true;
                        s->root_status = *status;
                }
                if (got != 0)
                        return false;
                usleep(1000);
        }
        return false;
}

/* A call that is to fail gets its result now, as there is no later stop. */
static void let_go(const struct job *job, struct state *s, struct task *t)
{
        int status;
        int sig = 0;

        if (t->is_failing)
                inject_set_result(t->pid, job->error);
        if (ptrace(PTRACE_DETACH, t->pid, NULL, NULL) == 0)
                return;
        if (ptrace(PTRACE_INTERRUPT, t->pid, NULL, NULL) < 0 || !await_stop(s, t->pid, &status))
                return;
        if (t->is_failing)
                inject_set_result(t->pid, job->error);
        if ((status >> 16) == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80))
                sig = WSTOPSIG(status);
        ptrace(PTRACE_DETACH, t->pid, NULL, (void *)(intptr_t)sig);
}

static void let_all_go(const struct job *job, struct state *s)
{
        for (size_t i = 0; i < s->n_tasks; i++)
                let_go(job, s, &s->tasks[i]);
        s->n_tasks = 0;
}

static void on_exec(const struct job *job, struct state *s, struct task *t)
{
        char comm[32];

        inject_read_comm(t->pid, comm, sizeof(comm));
        if (job->other && strcmp(comm, job->other) == 0) {
                ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
                return;
        }
        if (s->first == 0 && (!job->begin || strcmp(comm, job->begin) == 0)) {
                s->is_started = true;
                s->first = t->pid;
        }
        if (s->is_started && strcmp(comm, job->payload) == 0) {
                s->has_payload = true;
                if (job->goes_on)
                        ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
                else
                        let_all_go(job, s);
                return;
        }
        ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL);
}

static void on_stop(const struct job *job, struct state *s, pid_t pid, int status)
{
        struct task *t = find_task(s, pid);
        int event = status >> 16;
        int sig = WSTOPSIG(status);

        if (!t) {
                ptrace(PTRACE_DETACH, pid, NULL, NULL);
                return;
        }
        if (sig == (SIGTRAP | 0x80))
                on_syscall(job, s, t);
        else if (event == PTRACE_EVENT_EXEC)
                on_exec(job, s, t);
        else if (event == PTRACE_EVENT_STOP && (sig == SIGSTOP || sig == SIGTSTP))
                ptrace(PTRACE_LISTEN, pid, NULL, NULL);
        else if (event)
                ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        else
                ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)sig);
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for the next change of any descendant; returns 0 when time is up, -1 when none is left. */
static pid_t wait_any(int *status, int64_t until)
{
        for (;;) {
                pid_t pid = waitpid(-1, status, __WALL | WNOHANG);

                if (pid != 0)
                        return pid;
                if (now_ms() >= until)
                        return 0;
                /* a signal ends it early; SIGCHLD is blocked, and waited for here */
                struct timespec step = { 0, 20 * 1000 * 1000 };
                sigset_t chld;

                sigemptyset(&chld);
                sigaddset(&chld, SIGCHLD);
                sigtimedwait(&chld, NULL, &step);
        }
}

static void on_end(const struct job *job, struct state *s, pid_t pid, int status)
{
        drop_task(s, pid);
        if (pid == s->root) {
                s->root_ended = true;
                s->root_status = status;
        } else if (pid == s->first) {
                s->is_started = false;
                let_all_go(job, s);
        }
}

static void trace_until(const struct job *job, struct state *s, int64_t until)
{
        while (!s->root_ended) {
                int status;
                pid_t pid = wait_any(&status, until);

                if (pid <= 0) {
                        s->is_hung = pid == 0;
                        return;
                }
                if (WIFSTOPPED(status)) {
                        on_stop(job, s, pid, status);
                } else {
                        on_end(job, s, pid, status);
                }
        }
}

static void kill_left(struct state *s, pid_t pid)
{
        char comm[32];
        size_t len = strlen(s->left);

        inject_read_comm(pid, comm, sizeof(comm));
        if (comm[0])
                snprintf(s->left + len, sizeof(s->left) - len, "%s%s", len ? "," : "", comm);
        s->n_left++;
        kill(pid, SIGKILL);
}

/* The children of this process, which is the reaper of all that lose their parent. */
static void kill_children(struct state *s)
{
        char path[64];
        char text[4096] = "";
        char *save = NULL;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
                close(fd);
        text[n > 0 ? n : 0] = '\0';
        for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
                kill_left(s, atoi(w));
}

/* What is there two seconds after the command has ended was left behind. */
static void reap_rest(const struct job *job, struct state *s)
{
        int64_t until = now_ms() + 2000;
        int status;

        if (s->is_hung)
                until = 0;
        for (;;) {
                pid_t pid = wait_any(&status, until);

                if (pid < 0)
                        return;
                if (pid == 0) {
                        kill_children(s);
                        until = now_ms() + 500;
                } else if (WIFSTOPPED(status)) {
                        on_stop(job, s, pid, status);
                } else {
                        drop_task(s, pid);
                        if (pid == s->root && !s->root_ended)
                                s->root_status = status;
                }
        }
}

static int write_report(const struct job *job, const struct state *s)
{
        FILE *f = fopen(job->report, "we");
        int code = WIFEXITED(s->root_status) ? WEXITSTATUS(s->root_status)
                                             : 128 + WTERMSIG(s->root_status);

        if (!f) {
                perror(job->report);
                return 2;
        }
        fprintf(f,
                "points=%ld hit=%d call=%ld in=%s victim=%d payload=%d exit=%d hung=%d left=%u%s%s\n",
                s->count, s->is_hit, s->failed_nr, s->failed_name[0] ? s->failed_name : "-",
                s->failed_pid, s->has_payload, code, s->is_hung, s->n_left,
                s->n_left ? " names=" : "", s->left);
        return fclose(f) == 0 ? 0 : 2;
}

static pid_t start_root(const struct job *job)
{
        pid_t pid = fork();

        if (pid == 0) {
                sigset_t none;

                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                raise(SIGSTOP);
                execvp(job->command[0], job->command);
                perror(job->command[0]);
                _exit(127);
        }
        return pid;
}

static int parse_name(const char *name, const char *(*name_of)(int))
{
        for (int i = 0; i < 134; i++) {
                const char *text = name_of(i);

                if (text && strcmp(text, name) == 0)
                        return i;
        }
        fprintf(stderr, "inject: no error and no signal is called '%s'\n", name);
        exit(2);
}

static void parse_options(struct job *job, int argc, char **argv)
{
        int c;

        while ((c = getopt(argc, argv, "+ab:x:n:k:e:s:w:p:o:l:")) != -1) {
                if (c == 'a')
                        job->goes_on = true;
                else if (c == 'k')
                        job->point = atol(optarg);
                else if (c == 'n')
                        job->number = atol(optarg);
                else if (c == 'e')
                        job->error = parse_name(optarg, strerrorname_np);
                else if (c == 's')
                        job->signal = parse_name(optarg, sigabbrev_np);
                else if (c == 'w')
                        job->wait_seconds = atoi(optarg);
                else if (c == 'b')
                        job->begin = optarg;
                else if (c == 'x')
                        job->other = optarg;
                else if (c == 'l')
                        job->list = fopen(optarg, "we");
                else if (c == 'p')
                        job->payload = optarg;
                else if (c == 'o')
                        job->report = optarg;
                else
                        exit(2);
        }
        job->command = argv + optind;
        if (!job->command[0] || !job->payload || !job->report) {
                fprintf(stderr,
                        "usage: inject [-a] [-b BEGIN] [-x OTHER] [-n NUMBER] [-k POINT -e ERRNO|-s SIGNAL] "
                        "[-w SECONDS] [-l LIST] -p PAYLOAD -o REPORT -- COMMAND...\n");
                exit(2);
        }
}

int main(int argc, char **argv)
{
        const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                             PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
        struct job job = { .number = -1, .wait_seconds = 10 };
        struct state s = { .failed_nr = -1 };
        sigset_t chld;
        int status;

        parse_options(&job, argc, argv);
        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        sigprocmask(SIG_BLOCK, &chld, NULL);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                perror("inject: prctl");
                return 2;
        }
        s.root = start_root(&job);
        if (s.root < 0 || waitpid(s.root, &status, WUNTRACED) < 0 ||
            ptrace(PTRACE_SEIZE, s.root, NULL, options) < 0) {
                perror("inject: cannot trace the command");
                return 2;
        }
        kill(s.root, SIGCONT);
        ptrace(PTRACE_INTERRUPT, s.root, NULL, NULL);
        find_task(&s, s.root);
        trace_until(&job, &s, now_ms() + job.wait_seconds * 1000);
        reap_rest(&job, &s);
        return write_report(&job, &s);
}
