#include "profile.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Entering the filter.  From then on this process can rely on no system call any more: each may be
 * refused, answered by whoever listens, or deadly.  But the listener, which only the entering makes,
 * must be sent to who listens before the command is executed, for that call may be one to be answered.
 *
 * So another process sends it: made before, with the same table of descriptors (CLONE_FILES), in which
 * the listener appears.  They speak by memory alone.  No call could wake it, so it looks for the number
 * of the listener every few microseconds, while the kernel takes the filter; and we look, without a
 * call, for what became of the sending.
 *
 * Nobody waits for that process: the kernel reaps it, as SA_NOCLDWAIT says, which exec takes back.
 */

#define LISTENER_NONE   (-1)
#define LISTENER_FAILED (-2) /* there will be none */

#define LOOK_NS    20000
#define PATIENCE_S 30

struct handover {
        atomic_int listener; /* the number, LISTENER_* */
        atomic_int result;   /* -1: not sent yet; 0, or an errno */
};

static int load(const struct profile *p, unsigned flags, struct err *e)
{
        struct sock_fprog program = p->program;
        long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

        if (r >= 0 && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
                return r == 0 ? 0 : err_set(e, ESRCH, "a thread does not take linux.seccomp");
        if (r >= 0)
                return (int)r;
        if (err_sys(e, "cannot load linux.seccomp") == -EINVAL && flags != 0)
                return err_hint(e, "this kernel may lack one of linux.seccomp.flags");
        if (e->code == EACCES)
                return err_hint(e, "without process.noNewPrivileges that takes CAP_SYS_ADMIN");
        return -e->code;
}

/* ------ in the process that sends ------ */

union control {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
};

/* The descriptor goes with the first byte; a stream may take the rest in pieces. */
static int send_state(int sock, int listener, const char *state)
{
        size_t len = strlen(state);
        struct iovec iov = { .iov_base = (void *)state, .iov_len = len };
        union control control = { .bytes = "" };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &listener, sizeof(int));
        for (size_t sent = 0; sent < len;) {
                ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno;
                sent += (size_t)n;
                iov = (struct iovec){ (char *)state + sent, len - sent };
                msg.msg_control = NULL;
                msg.msg_controllen = 0;
        }
        return 0;
}

/*
 * A listener that did not arrive is closed in both of us: a call that waits for an answer then fails
 * (ENOSYS), and whoever made the filter does not hang.
 */
static _Noreturn void be_sender(struct handover *h, int sock, const char *state)
{
        const struct timespec pause = { .tv_nsec = LOOK_NS };
        int listener;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while ((listener = atomic_load(&h->listener)) == LISTENER_NONE)
                nanosleep(&pause, NULL);
        if (listener == LISTENER_FAILED)
                _exit(1);
        int code = state[0] ? send_state(sock, listener, state) : EINVAL;
        if (code != 0)
                close(listener);
        /* whoever listens may read to the end before he answers, and exec may be asked about */
        shutdown(sock, SHUT_RDWR);
        atomic_store(&h->result, code);
        _exit(code != 0);
}

/* ------ in the process that will execute the command ------ */

static pid_t start_sender(struct handover *h, int sock, const char *state, struct err *e)
{
        const struct sigaction reaped = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

        if (sigaction(SIGCHLD, &reaped, NULL) < 0)
                return err_sys(e, "cannot set what SIGCHLD does");
        long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
        if (pid < 0)
                return err_sys(e, "cannot make the process that sends the seccomp listener");
        if (pid == 0)
                be_sender(h, sock, state);
        return (pid_t)pid;
}

/* Without a call: the clock is read from memory that the kernel shows. */
static int await_sent(const struct handover *h, struct err *e)
{
        uint64_t end = io_now() + PATIENCE_S * 1000000000ull;
        unsigned turns = 0;
        int code;

        while ((code = atomic_load(&h->result)) < 0) {
                if (++turns % 4096 == 0 && io_now() > end)
                        return err_set(e, ETIMEDOUT, "the seccomp listener is not sent");
        }
        if (code != 0)
                return err_set(e, code,
                               "cannot send the seccomp listener to "
                               "linux.seccomp.listenerPath: %s",
                               err_name(code));
        return 0;
}

static int enter_and_send(const struct profile *p, struct handover *h, int sock, const char *state,
                          struct err *e)
{
        /* of one thread there is nothing to synchronise, and the two exclude each other */
        unsigned flags = (p->flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC) |
                         SECCOMP_FILTER_FLAG_NEW_LISTENER;

        atomic_init(&h->listener, LISTENER_NONE);
        atomic_init(&h->result, -1);
        if (start_sender(h, sock, state, e) < 0)
                return -e->code;
        int listener = load(p, flags, e);
        atomic_store(&h->listener, listener < 0 ? LISTENER_FAILED : listener);
        return listener < 0 ? -e->code : await_sent(h, e);
}

int profile_enter(const struct profile *p, int listener, const char *state, struct err *e)
{
        /* of no use without a listener: then the kernel refuses it */
        unsigned flags = p->flags & ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

        if (p->program.len == 0)
                return 0;
        if (!p->has_listener)
                return load(p, flags, e);
        if (listener < 0 || !state)
                return err_set(e, EINVAL, "linux.seccomp.listenerPath: nobody is connected");
        /* it stays mapped until exec: unmapping it would be a call */
        struct handover *h =
                mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (h == MAP_FAILED)
                return err_sys(e, "cannot share memory with the process that sends the listener");
        return enter_and_send(p, h, listener, state, e);
}

/* ------ on the host ------ */

int profile_connect(const struct bundle *b, int *ret, struct err *e)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *path = b->seccomp_listener;

        *ret = -1;
        if (!path || !path[0])
                return 0;
        /* by descriptor: a path may be longer than an address takes */
        autofd file = open(path, O_PATH | O_CLOEXEC);
        if (file < 0)
                return err_sys(e, "linux.seccomp.listenerPath: cannot open '%s'", path);
        autofd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (sock < 0)
                return err_sys(e, "cannot make a socket");
        snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
        if (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return err_sys(e, "linux.seccomp.listenerPath: cannot connect to '%s'", path);
        *ret = fd_take(&sock);
        return 0;
}
