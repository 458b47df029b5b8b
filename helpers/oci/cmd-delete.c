#include "commands.h"

#include "container-ids.h"
#include "container.h"
#include "end.h"
#include "fd.h"
#include "report.h"
#include "words.h"

#include <errno.h>

static int check_status(const struct container *c, bool is_forced, struct err *e)
{
        enum container_status status;

        if (container_get_status(c, &status, e) < 0)
                return -e->code;
        if (is_forced || status == CONTAINER_STOPPED || status == CONTAINER_CREATED)
                return 0;
        err_set(e, EBUSY, "cannot delete container '%s': it is %s", c->id,
                container_status_name(status));
        return err_hint(e, "kelp-oci delete --force %s", c->id);
}

static int delete_container(void *user, int root, const char *id, struct err *e)
{
        bool is_forced = *(const bool *)user;
        autocontainer c = CONTAINER_NONE;

        int r = container_open_locked(root, id, &c, e);
        if (r == -ENOENT && is_forced) {
                report_debug("%s", e->text);
                *e = (struct err){ 0 };
                return 0;
        }
        if (r < 0 || check_status(&c, is_forced, e) < 0)
                return -e->code;
        return end_container(&c, NULL, e);
}

int cmd_delete(const struct globals *g, int argc, char **argv, struct err *e)
{
        bool is_forced = false;
        bool is_pattern = false;
        const struct words_option options[] = {
                { .name = "force", .letter = 'f', .flag = &is_forced },
                { .name = "regex", .letter = 'r', .flag = &is_pattern },
        };
        const struct words w = { .command = argv[0], .options = options, .n_options = 2 };
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID", operands, n, e) < 0 || container_open_root(g->root, &root, e) < 0)
                return -e->code;
        if (is_pattern)
                return container_ids_each(root, operands[0], delete_container, &is_forced, e);
        return delete_container(&is_forced, root, operands[0], e);
}
