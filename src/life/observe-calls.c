#include "observe-calls.h"

#include <sys/syscall.h>

/*
 * As few as will do, for each costs two switches between processes.  stat and access are among them,
 * as many a program looks before it opens.  Not: what works on descriptors, whose opening was seen;
 * sendmsg, by which the listener itself is sent.
 *
 * Sources: the calls' manual pages for the order of arguments.
 */

/* Linux 6.6: the same number everywhere. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

#define ROW(call, act, dir, path, flags)                                                           \
        {                                                                                          \
                __NR_##call, OBSERVE_ACT_##act, dir, path, flags, -1, -1                           \
        }
#define ROW2(call, act, dir, path, flags, dir2, path2)                                             \
        {                                                                                          \
                __NR_##call, OBSERVE_ACT_##act, dir, path, flags, dir2, path2                      \
        }

const struct observe_call observe_calls[] = {
        ROW(openat, OPEN, 0, 1, 2),
        ROW(openat2, OPEN_HOW, 0, 1, 2),
        ROW(newfstatat, LOOK_FLAGS, 0, 1, 3),
        ROW(statx, LOOK_FLAGS, 0, 1, 2),
        ROW(faccessat, LOOK, 0, 1, -1),
        ROW(faccessat2, LOOK_FLAGS, 0, 1, 3),
        ROW(chdir, MOVE, -1, 0, -1),
        ROW(fchdir, MOVE, -1, -1, -1),
        ROW(execve, EXECUTE, -1, 0, -1),
        ROW(execveat, EXECUTE, 0, 1, 4),
        ROW(mkdirat, MAKE, 0, 1, -1),
        ROW(mknodat, MAKE, 0, 1, -1),
        ROW(symlinkat, MAKE, 1, 2, -1),
        ROW(linkat, MAKE, 2, 3, -1),
        ROW(unlinkat, REMOVE, 0, 1, 2),
        ROW2(renameat2, RENAME, 0, 1, 4, 2, 3),
        ROW(truncate, TRUNCATE, -1, 0, -1),
        ROW(fchmodat, CHANGE, 0, 1, -1),
        ROW(fchmodat2, CHANGE, 0, 1, 3),
        ROW(fchownat, CHANGE, 0, 1, 4),
        ROW(utimensat, CHANGE, 0, 1, 3),
        ROW(connect, CONNECT, -1, 1, -1),
        ROW(bind, BIND, -1, 1, -1),
        ROW(sendto, SEND, -1, 4, -1),
        ROW(sendmmsg, SEND_MANY, -1, 1, -1),
#ifdef __NR_renameat
        ROW2(renameat, RENAME, 0, 1, -1, 2, 3),
#endif
#ifdef __NR_open
        ROW(open, OPEN, -1, 0, 1),
        ROW(stat, LOOK, -1, 0, -1),
        ROW(lstat, LOOK, -1, 0, -1),
        ROW(access, LOOK, -1, 0, -1),
        ROW(creat, CREAT, -1, 0, -1),
        ROW(mkdir, MAKE, -1, 0, -1),
        ROW(mknod, MAKE, -1, 0, -1),
        ROW(symlink, MAKE, -1, 1, -1),
        ROW(link, MAKE, -1, 1, -1),
        ROW(unlink, REMOVE, -1, 0, -1),
        ROW(rmdir, REMOVE, -1, 0, -1),
        ROW2(rename, RENAME, -1, 0, -1, -1, 1),
        ROW(chmod, CHANGE, -1, 0, -1),
        ROW(chown, CHANGE, -1, 0, -1),
        ROW(lchown, CHANGE, -1, 0, -1),
        ROW(utime, CHANGE, -1, 0, -1),
        ROW(utimes, CHANGE, -1, 0, -1),
        ROW(futimesat, CHANGE, 0, 1, -1),
#endif
};

const size_t observe_n_calls = sizeof(observe_calls) / sizeof(observe_calls[0]);

const struct observe_call *observe_call_find(int nr)
{
        for (size_t i = 0; i < observe_n_calls; i++) {
                if (observe_calls[i].nr == nr)
                        return &observe_calls[i];
        }
        return NULL;
}

bool observe_call_is_asked(const struct observe_call *call, enum plan_network mode)
{
        /* look-ups of names: where there is a network they are answered, or the proxy tells of them */
        if (call->act == OBSERVE_ACT_SEND || call->act == OBSERVE_ACT_SEND_MANY)
                return mode == PLAN_NETWORK_NONE || mode == PLAN_NETWORK_FILTERED;
        return true;
}
