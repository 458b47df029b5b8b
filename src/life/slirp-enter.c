#include "slirp-enter.h"

#include "fd.h"
#include "io.h"
#include "path.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * slirp4netns parses what the payload sends, so it is taken to be hostile one day.  Its own
 * --enable-sandbox (a root of /etc and /run alone, no capabilities) needs capabilities to set up,
 * which it gets only as uid 0 of a user namespace: a normal user's slirp4netns that is pointed at
 * a namespace by path fails at "setegid(0)".  So it is started inside the sandbox's user
 * namespace, where it has them all, but with the host's network:
 *
 * 1. enter the user namespace.  From here on nothing of the host can be had by a capability.
 * 2. a child makes the tap (tap.h), next to the following, and goes on as the relay of UDP ports.
 * 3. an own mount namespace, in which /run is empty but for where resolv.conf lies and for a
 *    directory of ours: --enable-sandbox would show all of /run, with the user's D-Bus and every
 *    other socket.  The API socket and the log lie in that directory; it has no name on the host
 *    and is gone with the last process that has it open, also after kill -9.
 * 4. the capabilities that it needs survive exec as ambient ones.  It drops them itself.
 * 5. where the sandbox's user is not uid 0, geteuid() says so all the same.
 *
 * Must not: be done in another order; 3 and 4 need what 1 gives, 5 forbids nothing and is last.
 */

/*
 * The child's words about itself are the only success; then it ends, or goes on as the relay of
 * UDP ports.
 */
static void tap_main(const struct slirp_entry *entry, int *to_parent)
{
        struct err failure = { 0 };
        struct err unused = { 0 };
        bool has_relay = entry->relay->n > 0;

        if (tap_make(&entry->tap, &failure) == 0 && has_relay)
                udp_relay_shut_in(entry->relay, entry->sock, *to_parent, &failure);
        io_write_all(*to_parent, &failure, sizeof(failure), "pipe", &unused);
        fd_close(to_parent);
        if (failure.code == 0 && has_relay)
                udp_relay_run(entry->relay, entry->sock);
        _exit(0);
}

static int start_tap(const struct slirp_entry *entry, int *ret_pipe, pid_t *ret_pid, struct err *e)
{
        autofd from_child = -1;
        autofd to_parent = -1;

        if (fd_pipe(&from_child, &to_parent, e) < 0)
                return -e->code;

        pid_t pid = fork();
        if (pid < 0)
                return err_sys(e, "cannot fork to make the tap");
        if (pid == 0)
                tap_main(entry, &to_parent);
        *ret_pipe = fd_take(&from_child);
        *ret_pid = pid;
        return 0;
}

static int await_tap(int from_child, struct err *e)
{
        struct err failure = { 0 };

        if (io_read(from_child, &failure, sizeof(failure)) != (ssize_t)sizeof(failure))
                return err_set(e, EPIPE, "the process that makes the tap ended before it was done");
        if (failure.code == 0)
                return 0;
        *e = failure;
        return -e->code;
}

static int make_dirs(char *path, struct err *e)
{
        for (char *at = path + 1;; at++) {
                char end = *at;

                if (end != '/' && end != '\0')
                        continue;
                *at = '\0';
                if (mkdir(path, 0700) < 0 && errno != EEXIST)
                        return err_sys(e, "cannot make '%s' for slirp4netns", path);
                *at = end;
                if (end == '\0')
                        return 0;
        }
}

/*
 * Covers /run.  The directory of a resolv.conf that lies below it is bound back, whole: resolvers
 * replace the file by renaming when the host moves to another network.
 */
static int cover_run(struct err *e)
{
        char real[PATH_MAX];
        char at_fd[32];
        autofd kept = -1;

        if (realpath("/etc/resolv.conf", real) && str_has_prefix(real, "/run/")) {
                char *slash = strrchr(real, '/');

                if (slash != real + strlen("/run"))
                        *slash = '\0';
                kept = open(real, O_PATH | O_CLOEXEC);
                if (kept < 0)
                        return err_sys(e, "cannot open '%s'", real);
        }
        if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  "size=64k,nr_inodes=64,mode=0700") < 0)
                return err_sys(e, "cannot cover '/run' for slirp4netns");
        if (kept < 0)
                return 0;

        struct stat st;
        if (fstat(kept, &st) < 0)
                return err_sys(e, "cannot stat '%s'", real);
        if (S_ISDIR(st.st_mode)) {
                if (make_dirs(real, e) < 0)
                        return -e->code;
        } else {
                autofd file = open(real, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                if (file < 0)
                        return err_sys(e, "cannot make '%s' for slirp4netns", real);
        }
        snprintf(at_fd, sizeof(at_fd), "/proc/self/fd/%d", kept);
        if (mount(at_fd, real, NULL, MS_BIND, NULL) < 0)
                return err_sys(e, "cannot bind '%s' for slirp4netns", real);
        return 0;
}

static int enter_own_mounts(const struct slirp_entry *entry, struct err *e)
{
        char dir[] = SLIRP_DIR;

        if (unshare(CLONE_NEWNS) < 0)
                return err_sys(e, "cannot make a mount namespace for slirp4netns");
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return err_sys(e, "cannot make the mounts of slirp4netns private");
        if (cover_run(e) < 0 || make_dirs(dir, e) < 0)
                return -e->code;

        autofd own = open(SLIRP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (own < 0)
                return err_sys(e, "cannot open '%s'", SLIRP_DIR);
        autofd log = openat(own, SLIRP_LOG_NAME, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
                            0600);
        if (log < 0)
                return err_sys(e, "cannot make a log for slirp4netns");
        if (dup2(log, STDERR_FILENO) < 0)
                return err_sys(e, "cannot set the log of slirp4netns");
        return io_send(entry->sock, "d", 1, &own, 1, e);
}

/*
 * CAP_SYS_ADMIN enters the network namespace and makes slirp4netns's sandbox, CAP_NET_ADMIN sets
 * up the tap, CAP_SETPCAP empties the bounding set, CAP_NET_BIND_SERVICE is what it keeps.  All
 * of them count in the sandbox's user namespace alone.
 */
static int keep_capabilities(struct err *e)
{
        static const cap_value_t kept[] = {
                CAP_SYS_ADMIN,
                CAP_NET_ADMIN,
                CAP_SETPCAP,
                CAP_NET_BIND_SERVICE,
        };
        int n = (int)(sizeof(kept) / sizeof(kept[0]));
        cap_t caps = cap_get_proc();
        int r = 0;

        if (!caps)
                return err_sys(e, "cannot read the capabilities of slirp4netns");
        if (cap_set_flag(caps, CAP_INHERITABLE, n, kept, CAP_SET) < 0 || cap_set_proc(caps) < 0)
                r = err_sys(e, "cannot set the capabilities of slirp4netns");
        cap_free(caps);
        for (int i = 0; i < n && r == 0; i++) {
                if (cap_set_ambient(kept[i], CAP_SET) < 0)
                        r = err_sys(e, "cannot keep the capabilities of slirp4netns");
        }
        return r;
}

#ifdef __NR_geteuid32
#define NR_GETEUID __NR_geteuid32
#else
#define NR_GETEUID __NR_geteuid
#endif

/*
 * slirp4netns takes geteuid() != 0 for "has no capabilities yet" and then tries to become uid 0,
 * which a map of the user's own id alone does not have.  SECCOMP_RET_ERRNO with no error makes the
 * call return 0.  This is no wall, so the architecture of the call does not matter.
 */
static int say_uid_0(struct err *e)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_GETEUID, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

        if (geteuid() == 0)
                return 0;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return err_sys(e, "cannot start slirp4netns as root of the sandbox");
        return 0;
}

/* What fails here ends this process, and init reaps its child. */
int slirp_enter(void *arg, struct err *e)
{
        const struct slirp_entry *entry = arg;
        autofd from_tap = -1;
        pid_t tap_pid = 0;

        /* a Ctrl-C that is meant for the payload goes to the whole process group of the launcher */
        if (setsid() < 0)
                return err_sys(e, "cannot start a session");
        if (setns(entry->userns, CLONE_NEWUSER) < 0)
                return err_sys(e, "cannot enter the sandbox's user namespace");
        if (start_tap(entry, &from_tap, &tap_pid, e) < 0)
                return -e->code;
        if (enter_own_mounts(entry, e) < 0 || keep_capabilities(e) < 0 ||
            await_tap(from_tap, e) < 0)
                return -e->code;
        while (entry->relay->n == 0 && waitpid(tap_pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return say_uid_0(e);
}
