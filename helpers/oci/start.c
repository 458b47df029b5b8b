#include "start.h"

#include "config.h"
#include "hooks.h"
#include "launch.h"
#include "mem.h"
#include "report.h"

static int run_poststart(const struct container *c, const struct bundle *b, struct err *e)
{
        autofree char *state = NULL;

        if (container_print_state(c, CONTAINER_RUNNING, &state, e) < 0)
                return -e->code;
        hooks_run_all(b, BUNDLE_HOOK_POSTSTART, state, &report_notice);
        return 0;
}

int start_container(struct container *c, int sock, const struct bundle *b, int *ret_notify,
                    struct err *e)
{
        struct bundle kept = { .dir = NULL };
        int r = 0;

        if (launch_start(c, sock, &report_notice, ret_notify, e) < 0)
                return -e->code;
        if (!(c->hooks & 1u << BUNDLE_HOOK_POSTSTART))
                return 0;
        if (!b) {
                r = container_read_config(c, &kept, e);
                b = &kept;
        }
        if (r == 0)
                r = run_poststart(c, b, e);
        bundle_done(&kept);
        return r;
}
