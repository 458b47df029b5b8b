#include "exec-join.h"

#include "become-limits.h"
#include "exec-spaces.h"
#include "fd.h"
#include "mem.h"
#include "proc.h"
#include "scheduler.h"
#include "talk.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(void *user, const char *text)
{
        talk_send_notice(*(const int *)user, text);
}

static void say_debug(void *user, const char *text)
{
        talk_send_debug(*(const int *)user, text);
}

/*
 * What the command has of the host from now on: its streams, what is preserved, and sockets; until it
 * has entered the namespaces also the two descriptors that these are entered by.
 */
static int close_others(const struct exec_join *j, int sock, int root, struct err *e)
{
        int kept[5] = { sock, j->first, j->listener, j->console_socket, root };
        unsigned first = 3 + j->preserve_fds;

        fd_sort(kept, 5);
        for (size_t i = 0; i < 5; i++) {
                if (kept[i] < 0)
                        continue;
                if ((unsigned)kept[i] > first && close_range(first, (unsigned)kept[i] - 1, 0) < 0)
                        return err_sys(e, "cannot close descriptors");
                first = (unsigned)kept[i] + 1;
        }
        if (close_range(first, UINT_MAX, 0) < 0)
                return err_sys(e, "cannot close descriptors");
        return 0;
}

/* No more than a child of the launcher's, in the pid namespace that was entered. */
static pid_t fork_sibling(void)
{
        struct clone_args args = { .flags = CLONE_PARENT };

        return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* What whoever listens to the filter is told of the process; source: config-linux.md, seccomp. */
static int print_state(const struct exec_join *j, pid_t pid, char **ret, struct err *e)
{
        const char *metadata = j->config->seccomp_metadata;
        autofree char *text = NULL;

        if (j->listener < 0)
                return 0;
        if (container_print_state(j->container, CONTAINER_RUNNING, &text, e) < 0)
                return -e->code;
        json_t *all = json_pack("{s:s, s:[s], s:i, s:s, s:o*}", "ociVersion", j->config->version,
                                "fds", "seccompFd", "pid", (int)pid, "metadata",
                                metadata ? metadata : "", "state", json_loads(text, 0, NULL));
        *ret = all ? json_dumps(all, JSON_COMPACT) : NULL;
        json_decref(all);
        return *ret ? 0 : err_set(e, ENOMEM, "cannot print the state of the process");
}

static int become(const struct exec_join *j, const struct exec_spaces *s, int sock, struct err *e)
{
        const struct notice notice = { .say = say, .debug = say_debug, .user = &sock };
        autofree char *state = NULL;
        struct become b;
        int pid = 0;
        struct become_spec spec = {
                .bundle = j->process,
                .container = j->config,
                .profile = j->profile,
                .listener = j->listener,
                .console_socket = j->console_socket,
                .preserve_fds = j->preserve_fds,
                .has_id_maps = s->has_own_ids,
                .denies_groups = s->denies_groups,
                .has_own_pids = s->has_own_pids,
                .notice = &notice,
        };

        if (talk_await(sock, TALK_GO, "the launcher", NULL, &pid, NULL, e) < 0 ||
            print_state(j, pid, &state, e) < 0 ||
            scheduler_set_affinity(j->process->process.cpu_affinity_final, "final", e) < 0 ||
            become_prepare(&spec, NULL, NULL, &b, e) < 0)
                return -e->code;
        spec.state = state;
        if (talk_send(sock, TALK_READY, 0, -1, e) < 0 ||
            talk_await(sock, TALK_KEEP, "the launcher", NULL, NULL, NULL, e) < 0)
                return -e->code;
        return become_finish(&spec, &b, sock, e);
}

/* The stage: no other process sees it before it is undumpable, and nobody inside does at all. */
static int enter(const struct exec_join *j, struct exec_spaces *s, int sock, struct err *e)
{
        if (talk_await(sock, TALK_GO, "the launcher", NULL, NULL, NULL, e) < 0 ||
            exec_spaces_find(j->container->pid, j->first, s, e) < 0 ||
            become_set_oom_score(j->process, e) < 0)
                return -e->code;
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot hide from the container");
        /* whoever is traced nonetheless, by one with all rights over its memory, has no secret there */
        proc_wipe_arguments("kelp-oci");
        if (close_others(j, sock, s->root, e) < 0)
                return -e->code;
        return exec_spaces_enter(s, j->first, e);
}

static _Noreturn void fail(int sock, const struct err *e)
{
        talk_send_failed(sock, e);
        _exit(1);
}

static _Noreturn void stage_main(const struct exec_join *j, int sock)
{
        struct exec_spaces s = EXEC_SPACES_NONE;
        struct err e = { 0 };
        int first = j->first;

        if (enter(j, &s, sock, &e) < 0)
                fail(sock, &e);
        fd_close(&first);
        exec_spaces_done(&s);
        pid_t pid = fork_sibling();
        if (pid < 0) {
                err_sys(&e, "cannot start a process in the container");
                fail(sock, &e);
        }
        if (pid == 0) {
                become(j, &s, sock, &e);
                fail(sock, &e);
        }
        if (talk_send(sock, TALK_CLONED, pid, -1, &e) < 0)
                fail(sock, &e);
        _exit(0);
}

/* Its end is left to whoever has the pid; a stage that fails has said why. */
static int reap_stage(struct child *stage, struct err *e)
{
        int status;

        if (proc_wait(stage, &status, e) < 0)
                return -e->code;
        if (proc_exit_code(status) != 0)
                return err_set(e, EPROTO, "the process that enters the container has failed");
        return 0;
}

/* Nothing more comes from a command that was executed; what comes is why it was not. */
static int await_exec(const struct exec_join *j, int sock, struct err *e)
{
        struct talk_msg msg;
        int fd = -1;
        int n = talk_receive(sock, j->notice, &msg, &fd, e);

        fd_close(&fd);
        if (n <= 0)
                return n;
        if (msg.type != TALK_FAILED)
                return err_set(e, EPROTO, "unexpected word of the command");
        *e = msg.err;
        e->text[sizeof(e->text) - 1] = '\0';
        if (e->code <= 0)
                e->code = EPROTO;
        return -e->code;
}

static int start(const struct exec_join *j, struct child *stage, int sock, struct child *ret,
                 struct err *e)
{
        int pid = 0;

        if (j->group->dir >= 0 && group_add(j->group, stage->pid, e) < 0)
                return -e->code;
        if (talk_send(sock, TALK_GO, 0, -1, e) < 0 ||
            talk_await(sock, TALK_CLONED, "the process that enters the container", j->notice, &pid,
                       NULL, e) < 0)
                return -e->code;
        ret->pid = pid;
        if (talk_send(sock, TALK_GO, pid, -1, e) < 0 || reap_stage(stage, e) < 0 ||
            talk_await(sock, TALK_READY, "the command", j->notice, NULL, NULL, e) < 0 ||
            talk_send(sock, TALK_KEEP, 0, -1, e) < 0)
                return -e->code;
        return await_exec(j, sock, e);
}

int exec_join(const struct exec_join *j, pid_t *ret_pid, struct err *e)
{
        autochild stage = CHILD_NONE;
        autochild command = CHILD_NONE;
        autofd sock = -1;

        /* before the move to the cgroup, whose processors may be others */
        if (scheduler_set_affinity(j->process->process.cpu_affinity_initial, "initial", e) < 0)
                return -e->code;
        stage.pid = proc_fork_linked(&sock, e);
        if (stage.pid < 0) {
                stage.pid = 0;
                return err_prefix(e, "cannot enter the container");
        }
        if (stage.pid == 0)
                stage_main(j, sock);
        if (start(j, &stage, sock, &command, e) < 0)
                return -e->code;
        *ret_pid = command.pid;
        command = (struct child)CHILD_NONE;
        return 0;
}
