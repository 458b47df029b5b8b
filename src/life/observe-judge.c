#include "observe-judge.h"

#include "fd.h"
#include "observe-calls.h"
#include "observe-memory.h"
#include "observe-words.h"
#include "observe.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * All that is read of the caller is read within bounds, and is worth something only if the call is
 * still waited in afterwards: a pid may have become somebody else's.  So that is asked before
 * anything is recorded; what is found to be no event needs no caller.
 */

/* sendmmsg: the C library sends two questions at once. */
#define MAX_MESSAGES 4

static bool is_waiting(const struct observe_judge *j, uint64_t id)
{
        return ioctl(j->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* The root of the first caller that can be looked at is that of all, so it must be a caller's. */
static bool knows_root(struct observe_judge *j, const struct seccomp_notif *call)
{
        if (j->view->root >= 0)
                return true;
        if (!observe_view_find_root(j->view, (pid_t)call->pid))
                return false;
        if (is_waiting(j, call->id))
                return true;
        observe_view_forget_root(j->view);
        return false;
}

/* Not of the process: threads have names of their own, and that is the better one to read. */
static void read_comm(pid_t pid, char ret[16])
{
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
        autofd fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return;
        n = read(fd, ret, 15);
        if (n <= 0)
                return;
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
}

static int record(struct observe_judge *j, const struct seccomp_notif *call,
                  struct observe_event *event, struct err *e)
{
        read_comm((pid_t)call->pid, event->comm);
        if (!is_waiting(j, call->id))
                return 0;
        event->count = 1;
        return observe_list_add(&j->events, event, e);
}

/* A path argument; false: there is none that can be read. */
static bool read_path(struct observe_judge *j, const struct seccomp_notif *call, int argument,
                      char ret[PATH_MAX])
{
        uint64_t at = call->data.args[argument];
        ssize_t n = observe_read_string((pid_t)call->pid, at, ret, PATH_MAX);

        /* what no process can read is EFAULT for the kernel, too, and a longer one ENAMETOOLONG */
        if (n >= 0)
                j->can_read = true;
        else if (j->can_read && n != -EFAULT && n != -ENAMETOOLONG && n != -ESRCH)
                j->n_unreadable++;
        return n >= 0;
}

static int dir_of(const struct seccomp_notif *call, int argument)
{
        return argument < 0 ? AT_FDCWD : (int)call->data.args[argument];
}

static int look(struct observe_judge *j, const struct seccomp_notif *call, int dir, int path,
                const struct observe_want *want, struct err *e)
{
        char text[PATH_MAX];
        struct observe_event event;

        if (!read_path(j, call, path, text) || !knows_root(j, call) ||
            !observe_view_look(j->view, (pid_t)call->pid, dir_of(call, dir), text, want, &event))
                return 0;
        return record(j, call, &event, e);
}

static struct observe_want want_open(uint64_t flags)
{
        struct observe_want want = { .kind = OBSERVE_OPEN, .access = 'r' };

        if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
                want.access = 'w';
        /* the other flags mean nothing then */
        if (flags & O_PATH)
                want.access = 'r';
        else if ((flags & O_TMPFILE) != O_TMPFILE)
                want.may_make = (flags & O_CREAT) != 0;
        want.no_follow =
                (flags & O_NOFOLLOW) != 0 || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
        if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) && !(flags & O_PATH)) {
                want.kind = OBSERVE_CREATE;
                want.access = 'w';
        }
        return want;
}

/* The flags come first in struct open_how; see openat2(2). */
static int look_open_how(struct observe_judge *j, const struct seccomp_notif *call, struct err *e)
{
        struct open_how how = { 0 };

        if (call->data.args[3] < sizeof(how) ||
            observe_read((pid_t)call->pid, call->data.args[2], &how, sizeof(how)) < 0)
                return 0;
        /* who asks for less than the whole tree is told so by the kernel */
        if (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
                return 0;
        const struct observe_want want = want_open(how.flags);
        return look(j, call, 0, 1, &want, e);
}

/* The name of what is moved may be a part of somebody's current directory. */
static int look_rename(struct observe_judge *j, const struct seccomp_notif *call,
                       const struct observe_call *row, struct err *e)
{
        const struct observe_want from = { .kind = OBSERVE_RENAME,
                                           .access = 'w',
                                           .no_follow = true };
        const struct observe_want to = {
                .kind = OBSERVE_RENAME, .access = 'w', .no_follow = true, .may_make = true
        };

        int code = look(j, call, row->dir, row->path, &from, e);
        if (code == 0)
                code = look(j, call, row->dir2, row->path2, &to, e);
        observe_cwds_forget(&j->view->cwds);
        return code;
}

/* Last, as to look at a relative name is to learn where the caller stands. */
static int look_move(struct observe_judge *j, const struct seccomp_notif *call,
                     const struct observe_call *row, struct err *e)
{
        const struct observe_want see = { .kind = OBSERVE_OPEN, .access = 'r', .looks = true };
        int code = row->path < 0 ? 0 : look(j, call, row->dir, row->path, &see, e);

        observe_cwds_forget(&j->view->cwds);
        return code;
}

static int look_execute(struct observe_judge *j, const struct seccomp_notif *call,
                        const struct observe_call *row, struct err *e)
{
        struct observe_want want = { .kind = OBSERVE_EXECUTE, .access = 'x' };

        if (row->flags >= 0 && (call->data.args[row->flags] & AT_SYMLINK_NOFOLLOW))
                want.no_follow = true;
        return look(j, call, row->dir, row->path, &want, e);
}

static int look_change(struct observe_judge *j, const struct seccomp_notif *call,
                       const struct observe_call *row, struct err *e)
{
        struct observe_want want = { .kind = OBSERVE_CHANGE, .access = 'w' };

        if (row->flags >= 0 && (call->data.args[row->flags] & AT_SYMLINK_NOFOLLOW))
                want.no_follow = true;
#ifdef __NR_lchown
        want.no_follow |= call->data.nr == __NR_lchown;
#endif
        return look(j, call, row->dir, row->path, &want, e);
}

static bool read_address(const struct seccomp_notif *call, uint64_t at, uint64_t len,
                         struct sockaddr_storage *ret)
{
        *ret = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
        return len >= sizeof(ret->ss_family) && len <= sizeof(*ret) &&
               observe_read((pid_t)call->pid, at, ret, (size_t)len) == 0;
}

static int look_connect(struct observe_judge *j, const struct seccomp_notif *call, struct err *e)
{
        const __u64 *args = call->data.args;
        char buffer[sizeof(struct sockaddr_storage) + 1];
        struct sockaddr_storage address;
        struct observe_event event;
        bool is_event;

        if (!read_address(call, args[1], (uint32_t)args[2], &address))
                return 0;
        const char *path = observe_unix_path(&address, (uint32_t)args[2], buffer);
        if (path)
                is_event = knows_root(j, call) &&
                           observe_view_look_socket(j->view, (pid_t)call->pid, path, &event);
        else
                is_event = observe_net_look(&j->net, (pid_t)call->pid, &address, (uint32_t)args[2],
                                            false, &event);
        return is_event ? record(j, call, &event, e) : 0;
}

/* A unix socket's name is made like a file's. */
static int look_bind(struct observe_judge *j, const struct seccomp_notif *call, struct err *e)
{
        const struct observe_want want = { .kind = OBSERVE_CREATE,
                                           .access = 'w',
                                           .no_follow = true };
        const __u64 *args = call->data.args;
        char buffer[sizeof(struct sockaddr_storage) + 1];
        struct sockaddr_storage address;
        struct observe_event event;

        if (!read_address(call, args[1], (uint32_t)args[2], &address))
                return 0;
        const char *path = observe_unix_path(&address, (uint32_t)args[2], buffer);
        if (!path || !knows_root(j, call) ||
            !observe_view_look(j->view, (pid_t)call->pid, AT_FDCWD, path, &want, &event))
                return 0;
        return record(j, call, &event, e);
}

static int look_data(struct observe_judge *j, const struct seccomp_notif *call, uint64_t at,
                     uint64_t len, bool *ret_is_question, struct err *e)
{
        unsigned char data[OBSERVE_MAX_QUESTION];
        char name[NET_RULE_MAX_NAME + 1];

        *ret_is_question = len <= sizeof(data) &&
                           observe_read((pid_t)call->pid, at, data, (size_t)len) == 0 &&
                           observe_dns_name(data, (size_t)len, name);
        /* a proxy tells of them itself, and knows the answer */
        if (!*ret_is_question || j->net.plan->net.mode != PLAN_NETWORK_NONE)
                return 0;
        struct observe_event event = {
                .kind = OBSERVE_HOST, .access = 'r', .is_refused = true, .error = ENETUNREACH
        };
        memcpy(event.name, name, strlen(name) + 1);
        return record(j, call, &event, e);
}

/* Where it is sent, if that is said; `at` 0: to whom the socket is connected. */
static int look_address(struct observe_judge *j, const struct seccomp_notif *call, uint64_t at,
                        uint64_t len, bool is_datagram, struct err *e)
{
        struct sockaddr_storage address;
        struct observe_event event;

        if (at == 0 || !read_address(call, at, len, &address) ||
            !observe_net_look(&j->net, (pid_t)call->pid, &address, (size_t)len, is_datagram,
                              &event))
                return 0;
        return record(j, call, &event, e);
}

static int look_send(struct observe_judge *j, const struct seccomp_notif *call, struct err *e)
{
        const __u64 *args = call->data.args;
        bool is_question;

        if (look_data(j, call, args[1], args[2], &is_question, e) < 0)
                return -e->code;
        if (is_question)
                return 0;
        return look_address(j, call, args[4], (uint32_t)args[5], !(args[3] & MSG_FASTOPEN), e);
}

static int look_message(struct observe_judge *j, const struct seccomp_notif *call,
                        const struct msghdr *message, struct err *e)
{
        struct iovec part = { .iov_len = 0 };
        bool is_question;

        if (message->msg_iovlen > 0 &&
            observe_read((pid_t)call->pid, (uintptr_t)message->msg_iov, &part, sizeof(part)) < 0)
                return 0;
        if (look_data(j, call, (uintptr_t)part.iov_base, part.iov_len, &is_question, e) < 0)
                return -e->code;
        if (is_question)
                return 0;
        return look_address(j, call, (uintptr_t)message->msg_name, message->msg_namelen, true, e);
}

static int look_send_many(struct observe_judge *j, const struct seccomp_notif *call, struct err *e)
{
        const __u64 *args = call->data.args;
        struct mmsghdr messages[MAX_MESSAGES];
        uint64_t n = (uint32_t)args[2] < MAX_MESSAGES ? (uint32_t)args[2] : MAX_MESSAGES;

        if (observe_read((pid_t)call->pid, args[1], messages, (size_t)n * sizeof(messages[0])) < 0)
                return 0;
        for (uint64_t i = 0; i < n; i++) {
                if (look_message(j, call, &messages[i].msg_hdr, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int look_by_row(struct observe_judge *j, const struct seccomp_notif *call,
                       const struct observe_call *row, struct err *e)
{
        const struct observe_want make = { .kind = OBSERVE_CREATE,
                                           .access = 'w',
                                           .no_follow = true };
        const struct observe_want gone = { .kind = OBSERVE_REMOVE,
                                           .access = 'w',
                                           .no_follow = true };
        const struct observe_want see = { .kind = OBSERVE_OPEN, .access = 'r', .looks = true };
        const struct observe_want cut = { .kind = OBSERVE_OPEN, .access = 'w' };
        struct observe_want want;

        switch (row->act) {
        case OBSERVE_ACT_OPEN:
                want = want_open(call->data.args[row->flags]);
                return look(j, call, row->dir, row->path, &want, e);
        case OBSERVE_ACT_CREAT:
                want = want_open(O_CREAT | O_WRONLY | O_TRUNC);
                return look(j, call, row->dir, row->path, &want, e);
        case OBSERVE_ACT_OPEN_HOW:
                return look_open_how(j, call, e);
        case OBSERVE_ACT_MAKE:
                return look(j, call, row->dir, row->path, &make, e);
        case OBSERVE_ACT_LOOK:
        case OBSERVE_ACT_LOOK_FLAGS:
                return look(j, call, row->dir, row->path, &see, e);
        case OBSERVE_ACT_MOVE:
                return look_move(j, call, row, e);
        case OBSERVE_ACT_REMOVE:
                return look(j, call, row->dir, row->path, &gone, e);
        case OBSERVE_ACT_RENAME:
                return look_rename(j, call, row, e);
        case OBSERVE_ACT_CHANGE:
                return look_change(j, call, row, e);
        case OBSERVE_ACT_TRUNCATE:
                return look(j, call, row->dir, row->path, &cut, e);
        case OBSERVE_ACT_EXECUTE:
                return look_execute(j, call, row, e);
        case OBSERVE_ACT_CONNECT:
                return look_connect(j, call, e);
        case OBSERVE_ACT_BIND:
                return look_bind(j, call, e);
        case OBSERVE_ACT_SEND:
                return look_send(j, call, e);
        case OBSERVE_ACT_SEND_MANY:
                return look_send_many(j, call, e);
        case OBSERVE_ACT_NONE:
                break;
        }
        return 0;
}

int observe_judge_allowed(struct observe_judge *j, const struct seccomp_notif *call, struct err *e)
{
        const struct observe_call *row = observe_call_find(call->data.nr);
        struct observe_event event = { .access = 'r' };

        if (row && look_by_row(j, call, row, e) < 0)
                return -e->code;
        if (!j->spec->sees_all_calls)
                return 0;
        observe_name_call(call->data.nr, &event);
        return record(j, call, &event, e);
}

int observe_judge_refused(struct observe_judge *j, const struct seccomp_notif *call, int error,
                          struct err *e)
{
        struct observe_event event = { .access = 'r', .is_refused = true, .error = error };

        observe_describe_call(&call->data, &event);
        return record(j, call, &event, e);
}

/* The rule that kelp-proxy says would have let it through: "... '--allow 10.1.2.3:443' ...". */
static void take_advice(const char *text, struct observe_event *event)
{
        static const char option[] = "'--allow ";
        const char *at = strstr(text, option);
        size_t len = at ? strcspn(at + sizeof(option) - 1, "' ") : 0;

        if (len > 0 && len < sizeof(event->detail))
                memcpy(event->detail, at + sizeof(option) - 1, len);
}

int observe_judge_verdict(struct observe_judge *j, const char *text, struct err *e)
{
        struct observe_event event = { .kind = OBSERVE_HOST, .access = 'r', .count = 1 };
        char name[NET_RULE_MAX_NAME + 1];
        char verdict[16];
        unsigned port;

        observe_made_hear(&j->made, text);
        if (sscanf(text, "host %253s %5u %15s", name, &port, verdict) != 3 || port > UINT16_MAX)
                return 0;
        event.is_refused = str_eq(verdict, "refused");
        if (!event.is_refused && !(str_eq(verdict, "allowed") && j->spec->keeps_allowed))
                return 0;
        event.port = (uint16_t)port;
        memcpy(event.name, name, strlen(name) + 1);
        if (event.is_refused)
                take_advice(text, &event);
        return observe_list_add(&j->events, &event, e);
}
