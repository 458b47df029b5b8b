/*
 * The floor: what the kernel alone takes for a launch.
 *
 * The system calls that a launch of kelp cannot do without, in kelp's order and between the same
 * processes, as one plain sequence: no plan, no policy, no parsing, no checks beyond the result of
 * each call, no errors that explain themselves.  The difference between a run of kelp and a run of
 * this program is what kelp itself costs.  What kelp promises to look at (sources and protected
 * names before, mounts, namespaces and maps after) is looked at here, and judged by nobody.  When
 * kelp's steps change, this changes with them, and a call that kelp could do without does not
 * belong here.
 *
 *      floor COMMAND [ARG...]                         a view of this host, like kelp run -- COMMAND
 *      floor --overlay LOWER[:LOWER] COMMAND [ARG...]  an image's root, like kelp run IMAGE COMMAND
 *      floor --no-filter ...                          without seccomp, to tell what that costs
 */

#include "floor.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAUNCHER, CHILD };

/* The size of kelp's own message. */
struct message {
        int type;
        int value;
};

/* The list of a root, as the launcher sends it to pid 1: of a view of the host, of an image. */
#define VIEW_SIZE(p) ((p)->lower ? 15200u : 36100u)
#define VIEW_CHUNK   8192u
static char view[40000];

long must(const char *what, long result)
{
        if (result < 0) {
                fprintf(stderr, "floor: %s: %m\n", what);
                _exit(125);
        }
        return result;
}

static void say(int sock, int value)
{
        struct message m = { .type = 1, .value = value };

        must("send", send(sock, &m, sizeof(m), MSG_NOSIGNAL));
}

static int hear(int sock)
{
        struct message m;

        if (must("recv", recv(sock, &m, sizeof(m), MSG_CMSG_CLOEXEC)) != (long)sizeof(m))
                _exit(125);
        return m.value;
}

static void say_fd(int sock, int fd)
{
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { .head = { .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS,
                                .cmsg_len = CMSG_LEN(sizeof(int)) } };
        struct iovec text = { .iov_base = "", .iov_len = 1 };
        struct msghdr m = { .msg_iov = &text,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control.room) };

        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
        must("sendmsg", sendmsg(sock, &m, MSG_NOSIGNAL));
}

static int hear_fd(int sock)
{
        union {
                struct cmsghdr head;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        char none;
        struct iovec text = { .iov_base = &none, .iov_len = 1 };
        struct msghdr m = { .msg_iov = &text,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control.room) };
        int fd;

        if (must("recvmsg", recvmsg(sock, &m, MSG_CMSG_CLOEXEC)) != 1)
                _exit(125);
        memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
        return fd;
}

static void write_file(const char *path, const char *text)
{
        int fd = (int)must(path, open(path, O_WRONLY | O_CLOEXEC));

        must(path, write(fd, text, strlen(text)));
        close(fd);
}

/* One id, which becomes root in an image and stays itself in a view of the host. */
static void write_maps(const struct floor_plan *p, pid_t pid)
{
        char path[64];
        char text[64];

        snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
        write_file(path, "deny");
        snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
        snprintf(text, sizeof(text), "%u %u 1\n", p->lower ? 0 : p->uid, p->uid);
        write_file(path, text);
        snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
        snprintf(text, sizeof(text), "%u %u 1\n", p->lower ? 0 : p->gid, p->gid);
        write_file(path, text);
}

static void read_maps(pid_t pid)
{
        static const char *const names[] = { "uid_map", "gid_map" };
        char path[64];
        char text[1280];

        for (size_t i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
                int fd = (int)must(path, open(path, O_RDONLY | O_CLOEXEC));
                must(path, read(fd, text, sizeof(text)));
                close(fd);
        }
}

/* Where several processors are, parent and child are to use them. */
static void put_apart(const struct floor_plan *p, pid_t child)
{
        cpu_set_t others = p->cpus;

        CPU_CLR((size_t)sched_getcpu(), &others);
        if (CPU_COUNT(&others) == 0)
                return;
        must("sched_setaffinity", sched_setaffinity(child, sizeof(others), &others));
        must("sched_setaffinity", sched_setaffinity(child, sizeof(p->cpus), &p->cpus));
}

static void send_view(const struct floor_plan *p, int sock)
{
        say(sock, 0);
        for (unsigned done = 0; done < VIEW_SIZE(p); done += VIEW_CHUNK)
                must("send", send(sock, view, VIEW_CHUNK, MSG_NOSIGNAL));
}

static void hear_view(const struct floor_plan *p, int sock)
{
        hear(sock);
        for (unsigned done = 0; done < VIEW_SIZE(p); done += VIEW_CHUNK)
                must("recv", recv(sock, view + done, sizeof(view) - done, 0));
}

static int wait_for(pid_t pid)
{
        int status;

        must("waitpid", waitpid(pid, &status, 0));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void die_with(int parent_pidfd)
{
        struct pollfd gone = { .fd = parent_pidfd, .events = POLLIN };

        must("prctl", prctl(PR_SET_PDEATHSIG, SIGKILL));
        if (must("poll", poll(&gone, 1, 0)) > 0)
                _exit(125);
}

static void payload(const struct floor_plan *p, const struct floor_state *state, int to_init)
{
        char go;

        confine_payload(p, state);
        if (must("read", read(to_init, &go, 1)) != 1)
                _exit(125);
        must("write", write(to_init, "", 1));
        execvp(p->argv[0], p->argv);
        must(p->argv[0], -1);
}

/* The payload runs when pid 1 is confined; the end of the conversation, after a word, says so. */
static pid_t start_payload(const struct floor_plan *p, const struct floor_state *state, int sock)
{
        int ends[2];
        char none;

        must("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
        pid_t pid = (pid_t)must("fork", fork());
        if (pid == 0) {
                close(ends[0]);
                payload(p, state, ends[1]);
        }
        put_apart(p, pid);
        close(ends[1]);
        look_at_mounts();
        confine_init_last(p, sock < ends[0] ? sock : ends[0], sock < ends[0] ? ends[0] : sock);
        hear(sock); /* go */
        must("write", write(ends[0], "", 1));
        must("read", read(ends[0], &none, 1));
        if (must("read", read(ends[0], &none, 1)) != 0)
                _exit(125);
        close(ends[0]);
        return pid;
}

static void init(const struct floor_plan *p, int sock, int stage, int parent_pidfd, int cwd)
{
        struct floor_state state = { .max_userns = -1 };

        umask(0);
        die_with(parent_pidfd);
        root_start(p, &state);
        hear_view(p, sock);
        root_build(p, cwd, &state);
        int netns = hear_fd(stage);
        must("setns", setns(netns, CLONE_NEWNET));
        close(netns);
        root_enter(p, &state);
        confine_init(&state);

        say(sock, 0); /* ready */

        pid_t pid = start_payload(p, &state, sock);
        say(sock, 0); /* started */
        say(sock, wait_for(pid));
        _exit(0);
}

/* The network is made beside pid 1, which builds the root meanwhile. */
static void stage(const struct floor_plan *p, int sock, int parent_pidfd, int cwd)
{
        struct clone_args args = { .flags = CLONE_PARENT, .exit_signal = 0 };
        int ends[2];

        hear(sock); /* mapped */
        must("prctl", prctl(PR_SET_DUMPABLE, 0));
        must("unshare",
             unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
        must("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
        pid_t pid = (pid_t)must("clone3", syscall(SYS_clone3, &args, sizeof(args)));
        if (pid == 0) {
                close(ends[0]);
                init(p, sock, ends[1], parent_pidfd, cwd);
        }
        say(sock, pid);
        put_apart(p, pid);
        must("unshare", unshare(CLONE_NEWNET));
        loopback_up();
        say_fd(ends[0], (int)must("netns", open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)));
        _exit(0);
}

static int launch(const struct floor_plan *p)
{
        struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_CLEAR_SIGHAND,
                                   .exit_signal = SIGCHLD };
        int ends[2];

        int cwd = (int)must("cwd", open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
        must("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
        int self = (int)must("pidfd_open", syscall(SYS_pidfd_open, getpid(), 0));
        pid_t pid = (pid_t)must("clone3", syscall(SYS_clone3, &args, sizeof(args)));
        if (pid == 0) {
                close(ends[LAUNCHER]);
                stage(p, ends[CHILD], self, cwd);
        }
        put_apart(p, pid);
        close(ends[CHILD]);
        close(self);
        write_maps(p, pid);
        read_maps(pid);
        say(ends[LAUNCHER], 0); /* mapped */
        look_at_host(p, cwd);
        send_view(p, ends[LAUNCHER]);
        pid_t init_pid = hear(ends[LAUNCHER]);
        int init_fd = (int)must("pidfd_open", syscall(SYS_pidfd_open, init_pid, 0));
        hear(ends[LAUNCHER]); /* ready */
        wait_for(pid);
        say(ends[LAUNCHER], 0); /* go */
        hear(ends[LAUNCHER]);   /* started */

        int code = hear(ends[LAUNCHER]);
        siginfo_t end;
        must("waitid", waitid(P_PIDFD, (id_t)init_fd, &end, WEXITED | __WALL));
        return code;
}

int main(int argc, char **argv)
{
        struct floor_plan p = { .uid = getuid(), .gid = getgid() };
        int first = 1;

        if (first < argc && !strcmp(argv[first], "--no-filter")) {
                p.no_filter = true;
                first++;
        }
        if (first + 1 < argc && !strcmp(argv[first], "--overlay")) {
                p.lower = argv[first + 1];
                first += 2;
        }
        if (first >= argc) {
                fputs("usage: floor [--no-filter] [--overlay LOWER[:LOWER]] COMMAND [ARG...]\n",
                      stderr);
                return 125;
        }
        p.argv = argv + first;
        must("close_range", (long)close_range(3, ~0u, 0));
        must("sched_getaffinity", sched_getaffinity(0, sizeof(p.cpus), &p.cpus));
        return launch(&p);
}
