#include "members.h"

#include "fd.h"
#include "group.h"
#include "kin.h"
#include "mem.h"
#include "proc.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Without a cgroup all of /proc is looked at.  A process of the container may have joined from outside
 * (exec), which its pid namespace tells, or be in a namespace below it, which its parents tell.  A pid
 * namespace that the container shares with others, as in a pod, tells nothing.
 */

static bool is_in_namespace(const struct kin_process *p, const struct stat *ns)
{
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)p->pid);
        return ns->st_ino && stat(path, &st) == 0 && st.st_ino == ns->st_ino &&
               st.st_dev == ns->st_dev;
}

/* The pid namespace of the container's own, if it has one: its first process is 1 there. */
static void find_namespace(const struct container *c, struct stat *ret)
{
        struct proc_place place;
        char path[64];

        memset(ret, 0, sizeof(*ret));
        snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)c->pid);
        if (proc_find_place(c->pid, &place) < 0 || place.inner_pid != 1 || stat(path, ret) < 0)
                ret->st_ino = 0;
}

static int find_members(const struct container *c, struct kin *ret, struct err *e)
{
        autofd first = -1;
        struct stat ns;

        if (container_open_first(c, &first, e) < 0)
                return -e->code;
        if (first < 0)
                return 0;
        if (kin_read(ret, e) < 0)
                return -e->code;
        find_namespace(c, &ns);
        for (size_t i = 0; i < ret->n; i++) {
                struct kin_process *p = &ret->items[i];

                p->is_member = (p->pid == c->pid && p->start_time == c->start_time) ||
                               is_in_namespace(p, &ns);
        }
        kin_choose(ret);
        return 0;
}

int members_list(const struct container *c, pid_t **ret, size_t *ret_n, struct err *e)
{
        __attribute__((cleanup(group_done))) struct group group = GROUP_NONE;
        autokin found = { NULL };

        *ret = NULL;
        *ret_n = 0;
        if (c->cgroup && group_open(c->cgroup, &group, e) < 0)
                return -e->code;
        if (group.dir >= 0)
                return group_list(&group, ret, ret_n, e);
        if (find_members(c, &found, e) < 0)
                return -e->code;
        pid_t *pids = mem_alloc((found.n + 1) * sizeof(*pids), e);
        if (!pids)
                return -e->code;
        for (size_t i = 0; i < found.n; i++)
                pids[i] = found.items[i].pid;
        *ret = pids;
        *ret_n = found.n;
        return 0;
}

int members_signal(const struct container *c, int signal, size_t *ret_n, struct err *e)
{
        __attribute__((cleanup(group_done))) struct group group = GROUP_NONE;
        autokin found = { NULL };
        autofree pid_t *pids = NULL;

        *ret_n = 0;
        if (c->cgroup && group_open(c->cgroup, &group, e) < 0)
                return -e->code;
        if (group.dir >= 0) {
                if (group_list(&group, &pids, ret_n, e) < 0)
                        return -e->code;
                return *ret_n ? group_kill(&group, signal, e) : 0;
        }
        if (find_members(c, &found, e) < 0)
                return -e->code;
        *ret_n = found.n;
        return kin_signal(&found, signal, e);
}
