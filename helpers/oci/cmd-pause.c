#include "commands.h"

#include "container.h"
#include "fd.h"
#include "group.h"
#include "words.h"

#include <errno.h>

static int refuse_without_group(const struct container *c, const char *verb, struct err *e)
{
        err_set(e, ENOTSUP, "cannot %s container '%s': it has no cgroup", verb, c->id);
        return err_hint(e,
                        "a user has them where systemd delegates: 'systemd-run --user --scope -p "
                        "Delegate=yes', or --systemd-cgroup");
}

/* `pause` and `resume`. */
static int freeze(const struct globals *g, int argc, char **argv, bool on, struct err *e)
{
        const enum container_status wanted = on ? CONTAINER_RUNNING : CONTAINER_PAUSED;
        const struct words w = { .command = argv[0] };
        __attribute__((cleanup(group_done))) struct group group = GROUP_NONE;
        autocontainer c = CONTAINER_NONE;
        enum container_status status;
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0 ||
            container_open_root(g->root, &root, e) < 0 ||
            container_open(root, operands[0], &c, e) < 0 || container_lock(&c, e) < 0 ||
            container_get_status(&c, &status, e) < 0)
                return -e->code;
        if (status != wanted && !(status == CONTAINER_RUNNING && !c.cgroup))
                return err_set(e, EINVAL, "cannot %s container '%s': it is %s", argv[0], c.id,
                               container_status_name(status));
        if (c.cgroup && group_open(c.cgroup, &group, e) < 0)
                return -e->code;
        if (group.dir < 0)
                return refuse_without_group(&c, argv[0], e);
        if (group_freeze(&group, on, e) < 0)
                return err_prefix(e, "cannot %s container '%s'", argv[0], c.id);
        return 0;
}

int cmd_pause(const struct globals *g, int argc, char **argv, struct err *e)
{
        return freeze(g, argc, argv, true, e);
}

int cmd_resume(const struct globals *g, int argc, char **argv, struct err *e)
{
        return freeze(g, argc, argv, false, e);
}
