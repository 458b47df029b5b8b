#include "kin.h"

#include "fd.h"
#include "mem.h"
#include "parse.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void kin_done(struct kin *k)
{
        free(k->items);
        *k = (struct kin){ NULL };
}

bool kin_can_see(void)
{
        struct proc_place place;
        char self[16];
        char text[16] = "";

        snprintf(self, sizeof(self), "%d", (int)getpid());
        if (readlink("/proc/self", text, sizeof(text) - 1) <= 0 || !str_eq(self, text))
                return false;
        return proc_find_place(getpid(), &place) == 0 && place.depth == 1;
}

/* Source: proc_pid_stat(5), fields 4, 6 and 22. */
static bool read_process(int proc, const char *name, struct kin_process *ret)
{
        char path[32];
        char text[1024];
        int parent;
        int session;
        unsigned long long start;

        if ((size_t)snprintf(path, sizeof(path), "%s/stat", name) >= sizeof(path))
                return false;
        autofd fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        ssize_t n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        const char *at = strrchr(text, ')');
        if (!at || sscanf(at,
                          ") %*c %d %*d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                          "%*s %llu",
                          &parent, &session, &start) != 3)
                return false;
        ret->parent = parent;
        ret->session = session;
        ret->start_time = start;
        return true;
}

int kin_read(struct kin *ret, struct err *e)
{
        autofd proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autofd copy = proc < 0 ? -1 : openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);
        struct err unused = { 0 };
        uint64_t pid;

        if (!dir)
                return err_sys(e, "cannot list '/proc'");
        for (const struct dirent *entry; (errno = 0, entry = readdir(dir));) {
                struct kin_process p = { 0 };

                if (parse_number(entry->d_name, 1, INT32_MAX, &pid, &unused) < 0 ||
                    !read_process(proc, entry->d_name, &p))
                        continue;
                p.pid = (pid_t)pid;
                if (mem_grow(&ret->items, ret->n, &ret->room, sizeof(*ret->items), e) < 0)
                        return -e->code;
                ret->items[ret->n++] = p;
        }
        return errno ? err_sys(e, "cannot list '/proc'") : 0;
}

static bool has_member(const struct kin *k, pid_t pid)
{
        for (size_t i = 0; i < k->n; i++) {
                if (k->items[i].pid == pid)
                        return k->items[i].is_member;
        }
        return false;
}

void kin_choose(struct kin *k)
{
        bool has_changed = true;
        size_t n = 0;

        while (has_changed) {
                has_changed = false;
                for (size_t i = 0; i < k->n; i++) {
                        struct kin_process *p = &k->items[i];

                        if (!p->is_member && p->parent > 0 && has_member(k, p->parent))
                                p->is_member = has_changed = true;
                }
        }
        for (size_t i = 0; i < k->n; i++) {
                if (k->items[i].is_member)
                        k->items[n++] = k->items[i];
        }
        k->n = n;
}

/* The process that was seen, not another one that has its pid by now. */
static int signal_one(const struct kin_process *p, int signal, struct err *e)
{
        struct err why = { 0 };
        uint64_t start_time;
        autofd pidfd = proc_pidfd(p->pid, &why);

        if (pidfd < 0 && why.code == ESRCH)
                return 0;
        if (pidfd < 0) {
                *e = why;
                return -e->code;
        }
        if (proc_start_time(p->pid, &start_time) < 0 || start_time != p->start_time)
                return 0;
        if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
                return err_sys(e, "cannot send signal %d to process %d", signal, (int)p->pid);
        return 0;
}

int kin_signal(const struct kin *k, int signal, struct err *e)
{
        for (size_t i = 0; i < k->n; i++) {
                if (signal_one(&k->items[i], signal, e) < 0)
                        return -e->code;
        }
        return 0;
}
