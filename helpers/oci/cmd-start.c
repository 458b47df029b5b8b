#include "commands.h"
#include "container.h"
#include "fd.h"
#include "notify.h"
#include "start.h"
#include "words.h"

int cmd_start(const struct globals *g, int argc, char **argv, struct err *e)
{
        const struct words w = { .command = argv[0] };
        autocontainer c = CONTAINER_NONE;
        autofd notify = -1;
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0 ||
            container_open_root(g->root, &root, e) < 0 ||
            container_open(root, operands[0], &c, e) < 0 || container_lock(&c, e) < 0)
                return -e->code;
        if (start_container(&c, -1, NULL, &notify, e) < 0)
                return -e->code;
        /* it may take long, and others have a right to the container */
        container_unlock(&c);
        return notify < 0 ? 0 : notify_wait(notify, &c, e);
}
