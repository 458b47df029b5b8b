#include "fd.h"
#include "group.h"

#include <errno.h>
#include <stdlib.h>

/* No cgroup for anybody, as with --cgroup-manager disabled: until there is a group.c, which replaces this. */

void group_done(struct group *g)
{
        fd_close(&g->dir);
        free(g->path);
        g->path = NULL;
}

static int refuse(struct err *e)
{
        return err_set(e, ENOENT, "it has no cgroup");
}

int group_make(const struct bundle *b, const char *id, enum group_manager manager,
               const struct notice *notice, struct group *ret, struct err *e)
{
        (void)b, (void)id, (void)manager, (void)notice, (void)ret, (void)e;
        return 0;
}

int group_open(const char *path, struct group *ret, struct err *e)
{
        (void)path, (void)ret, (void)e;
        return 0;
}

int group_add(const struct group *g, pid_t pid, struct err *e)
{
        (void)g, (void)pid;
        return refuse(e);
}

int group_update(const struct group *g, const struct bundle *resources, struct err *e)
{
        (void)g, (void)resources;
        return refuse(e);
}

int group_freeze(const struct group *g, bool on, struct err *e)
{
        (void)g, (void)on;
        return refuse(e);
}

bool group_is_frozen(const struct group *g)
{
        (void)g;
        return false;
}

int group_list(const struct group *g, pid_t **ret, size_t *ret_n, struct err *e)
{
        (void)g, (void)ret, (void)ret_n;
        return refuse(e);
}

int group_kill(const struct group *g, int signal, struct err *e)
{
        (void)g, (void)signal;
        return refuse(e);
}

int group_remove(const struct group *g, struct err *e)
{
        (void)g, (void)e;
        return 0;
}
