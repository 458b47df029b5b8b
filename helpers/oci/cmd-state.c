#include "commands.h"

#include "container.h"
#include "fd.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>

int cmd_state(const struct globals *g, int argc, char **argv, struct err *e)
{
        const struct words w = { .command = argv[0] };
        autocontainer c = CONTAINER_NONE;
        autofree char *text = NULL;
        enum container_status status;
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0 ||
            container_open_root(g->root, &root, e) < 0 ||
            container_open(root, operands[0], &c, e) < 0 ||
            container_get_status(&c, &status, e) < 0 ||
            container_print_state(&c, status, &text, e) < 0)
                return -e->code;
        puts(text);
        if (fflush(stdout) != 0)
                return err_sys(e, "cannot print the state of container '%s'", c.id);
        return 0;
}
