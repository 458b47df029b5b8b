#include "hooks.h"

#include "fd.h"
#include "io.h"
#include "kin.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * One hook: a child in a session of its own, with the state as its standard input, which was written
 * whole before it starts, so that nobody waits for a hook that does not read, or hears that it does not.
 * What it prints is kept, as far as an error has room for it; that of one that works is nobody's.
 * Nothing here needs /proc: hooks also run inside of containers.
 */

#define PIPE_DEFAULT 65536
#define TAIL_MAX     1024

static const char *const kind_names[] = {
        [BUNDLE_HOOK_PRESTART] = "prestart",
        [BUNDLE_HOOK_CREATE_RUNTIME] = "createRuntime",
        [BUNDLE_HOOK_CREATE_CONTAINER] = "createContainer",
        [BUNDLE_HOOK_START_CONTAINER] = "startContainer",
        [BUNDLE_HOOK_POSTSTART] = "poststart",
        [BUNDLE_HOOK_POSTSTOP] = "poststop",
};

/* What a hook printed last. */
struct tail {
        char text[TAIL_MAX];
        size_t len;
};

/* For a state that is longer than any pipe takes. */
static int make_file(const char *state, size_t len, int *ret, struct err *e)
{
        autofd file = memfd_create("state", MFD_CLOEXEC);

        if (file < 0)
                return err_sys(e, "cannot make a file for the state");
        if (io_write_all(file, state, len, "state", e) < 0)
                return -e->code;
        if (lseek(file, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot rewind the state");
        *ret = fd_take(&file);
        return 0;
}

static int make_input(const char *state, int *ret, struct err *e)
{
        size_t len = strlen(state);
        autofd reader = -1;
        autofd writer = -1;

        if (fd_pipe(&reader, &writer, e) < 0)
                return -e->code;
        /* what does not fit would wait for the hook */
        if (len > PIPE_DEFAULT / 2 && fcntl(writer, F_SETPIPE_SZ, (int)len) < (int)len)
                return make_file(state, len, ret, e);
        if (io_write_all(writer, state, len, "state", e) < 0)
                return -e->code;
        *ret = fd_take(&reader);
        return 0;
}

/* In the child; `why` gets what exec says.  Never returns. */
__attribute__((noreturn)) static void become_hook(const struct bundle_hook *hook, int in, int out,
                                                  int why)
{
        struct err e = { 0 };
        struct err unused = { 0 };

        /* so that all that it starts can be killed with it */
        setsid();
        if (proc_reset_signals(&e) == 0 && fd_cloexec_others(&e) == 0) {
                if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
                    dup2(out, STDERR_FILENO) < 0)
                        err_sys(&e, "cannot set its standard streams");
                else {
                        execve(hook->path, (char **)hook->args, (char **)hook->env);
                        err_sys(&e, "cannot be executed");
                }
        }
        io_write_all(why, &e, sizeof(e), "pipe", &unused);
        _exit(127);
}

static void keep_tail(struct tail *t, const char *text, size_t len)
{
        if (len >= sizeof(t->text)) {
                text += len - sizeof(t->text);
                len = sizeof(t->text);
        }
        size_t most = sizeof(t->text) - len;
        if (t->len > most) {
                memmove(t->text, t->text + t->len - most, most);
                t->len = most;
        }
        memcpy(t->text + t->len, text, len);
        t->len += len;
}

/* Reads what there is; false when nobody writes any more. */
static bool read_output(int fd, struct tail *t)
{
        char text[4096];
        ssize_t n = io_read(fd, text, sizeof(text));

        if (n > 0)
                keep_tail(t, text, (size_t)n);
        return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Milliseconds until `until`, rounded up; -1: for ever. */
static int time_left(uint64_t until)
{
        uint64_t now = io_now();

        if (until == UINT64_MAX)
                return -1;
        if (until <= now)
                return 0;
        uint64_t ms = (until - now + 999999) / 1000000;
        return ms > 1000000000 ? 1000000000 : (int)ms;
}

/* Until its end, not that of its output: what it left in the background may have that for ever. */
static int wait_end(int pidfd, int output, uint64_t until, struct tail *t, struct err *e)
{
        struct pollfd fds[] = {
                { .fd = pidfd, .events = POLLIN },
                { .fd = output, .events = POLLIN },
        };

        for (;;) {
                int left = time_left(until);
                int n = poll(fds, 2, left);

                if (n < 0 && errno != EINTR)
                        return err_sys(e, "cannot wait for it");
                if (n > 0 && fds[1].revents && !read_output(output, t))
                        fds[1].fd = -1;
                if (n > 0 && fds[0].revents)
                        break;
                if (left == 0)
                        return err_set(e, ETIMEDOUT, "timeout");
        }
        /* what it wrote before its end, at most a pipe's worth */
        for (int i = 0; i < 64 && fds[1].fd >= 0; i++) {
                struct pollfd more = { .fd = output, .events = POLLIN };

                if (poll(&more, 1, 0) <= 0 || !read_output(output, t))
                        break;
        }
        return 0;
}

/* The last line that is not empty, in `t->text`, terminated; "" for none. */
static const char *last_line(struct tail *t)
{
        if (t->len == sizeof(t->text))
                t->len--;
        t->text[t->len] = '\0';
        char *text = str_trim(t->text);
        char *newline = strrchr(text, '\n');

        return newline ? newline + 1 : text;
}

static int judge(int status, struct tail *t, struct err *e)
{
        char safe[200];

        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        const char *line = last_line(t);
        str_escape(safe, sizeof(safe), line, strlen(line));
        const char *colon = safe[0] ? ": " : "";
        if (WIFSIGNALED(status))
                return err_set(e, ECANCELED, "was ended by signal %d%s%s", WTERMSIG(status), colon,
                               safe);
        return err_set(e, ECANCELED, "exited with status %d%s%s", WEXITSTATUS(status), colon, safe);
}

/* Whether exec worked: then nothing comes from the pipe but its end. */
static int hear_start(int why, struct err *e)
{
        struct err failure = { 0 };
        ssize_t n = io_read(why, &failure, sizeof(failure));

        if (n == 0)
                return 0;
        if (n != (ssize_t)sizeof(failure))
                return err_set(e, EPROTO, "could not be started");
        *e = failure;
        return -e->code;
}

/* All that it has started: its descendants, and who was in its session and has lost his parents. */
static void kill_all(pid_t hook)
{
        struct err unused = { 0 };
        autokin found = { NULL };

        if (kin_can_see() && kin_read(&found, &unused) == 0) {
                for (size_t i = 0; i < found.n; i++)
                        found.items[i].is_member = found.items[i].session == hook;
                kin_choose(&found);
                kin_signal(&found, SIGKILL, &unused);
        }
        /* what can be had without /proc, and whoever was born meanwhile */
        kill(-hook, SIGKILL);
}

static int watch(struct child *child, int output, const struct bundle_hook *hook, struct err *e)
{
        uint64_t until =
                hook->timeout_s ? io_now() + hook->timeout_s * UINT64_C(1000000000) : UINT64_MAX;
        struct tail t = { .len = 0 };
        int status;

        int r = wait_end(child->pidfd, output, until, &t, e);
        if (r == -ETIMEDOUT) {
                kill_all(child->pid);
                return err_set(e, ETIMEDOUT, "was killed at its timeout of %u s", hook->timeout_s);
        }
        if (r < 0 || proc_wait(child, &status, e) < 0)
                return -e->code;
        return judge(status, &t, e);
}

static int run_hook(const struct bundle_hook *hook, const char *state, struct err *e)
{
        autofd in = -1;
        autofd output = -1;
        autofd out = -1;
        autofd heard = -1;
        autofd why = -1;

        if (make_input(state, &in, e) < 0 || fd_pipe(&output, &out, e) < 0 ||
            fd_pipe(&heard, &why, e) < 0)
                return -e->code;
        if (fcntl(output, F_SETFL, O_NONBLOCK) < 0)
                return err_sys(e, "cannot prepare its output");
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork");
        if (pid == 0)
                become_hook(hook, in, out, why);
        autochild child = { .pid = pid, .pidfd = -1 };
        fd_close(&in);
        fd_close(&out);
        fd_close(&why);
        if (hear_start(heard, e) < 0)
                return -e->code;
        child.pidfd = proc_pidfd(pid, e);
        if (child.pidfd < 0)
                return -e->code;
        return watch(&child, output, hook, e);
}

/* Of a hook without one: on the host this program's own, as other runtimes do; no container sees that. */
static const char **default_env(enum bundle_hook_kind kind)
{
        static const char *none[] = { NULL };
        bool is_inside =
                kind == BUNDLE_HOOK_CREATE_CONTAINER || kind == BUNDLE_HOOK_START_CONTAINER;

        return is_inside ? none : (const char **)environ;
}

static int run_one(const struct bundle *b, enum bundle_hook_kind kind, size_t i, const char *state,
                   struct err *e)
{
        struct bundle_hook hook = b->hooks[kind].items[i];

        if (!hook.env)
                hook.env = default_env(kind);
        if (run_hook(&hook, state, e) < 0)
                return err_prefix(e, "hook %s[%zu] '%.200s'", kind_names[kind], i, hook.path);
        return 0;
}

int hooks_run(const struct bundle *b, enum bundle_hook_kind kind, const char *state, struct err *e)
{
        for (size_t i = 0; i < b->hooks[kind].n; i++) {
                if (run_one(b, kind, i, state, e) < 0)
                        return -e->code;
        }
        return 0;
}

void hooks_run_all(const struct bundle *b, enum bundle_hook_kind kind, const char *state,
                   const struct notice *notice)
{
        for (size_t i = 0; i < b->hooks[kind].n; i++) {
                struct err e = { 0 };

                if (run_one(b, kind, i, state, &e) < 0)
                        notice_ignore(notice, &e);
        }
}
