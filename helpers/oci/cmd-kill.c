#include "commands.h"

#include "container-ids.h"
#include "container.h"
#include "fd.h"
#include "members.h"
#include "parse.h"
#include "str.h"
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "RTMIN+3", "SIGRTMAX-2": false where it is none of these. */
static bool parse_realtime(const char *text, int *ret)
{
        const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
        bool is_min = strncasecmp(name, "RTMIN", 5) == 0;
        struct err unused = { 0 };
        uint64_t by = 0;

        if (!is_min && strncasecmp(name, "RTMAX", 5) != 0)
                return false;
        name += 5;
        if (*name && *name != (is_min ? '+' : '-'))
                return false;
        if (*name && parse_number(name + 1, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &by, &unused) < 0)
                return false;
        *ret = is_min ? SIGRTMIN + (int)by : SIGRTMAX - (int)by;
        return true;
}

static int choose_signal(const char *text, int *ret, struct err *e)
{
        *ret = SIGTERM;
        if (!text || parse_realtime(text, ret))
                return 0;
        /* it asks whether there is anybody, as in kill(1) */
        if (str_eq(text, "0")) {
                *ret = 0;
                return 0;
        }
        return parse_signal(text, ret, e);
}

/* The words "container not running" and "does not exist" are what engines look for. */
static int refuse_stopped(const struct container *c, struct err *e)
{
        return err_set(e, ESRCH, "cannot signal container '%s': container not running", c->id);
}

static int signal_first(const struct container *c, int signal, struct err *e)
{
        autofd first = -1;

        if (container_open_first(c, &first, e) < 0)
                return -e->code;
        if (first < 0)
                return refuse_stopped(c, e);
        if (syscall(SYS_pidfd_send_signal, first, signal, NULL, 0) == 0)
                return 0;
        return errno == ESRCH ? refuse_stopped(c, e)
                              : err_sys(e, "cannot signal container '%s'", c->id);
}

/* Of one that has stopped there may be more left, where it has no pid namespace of its own. */
static int signal_all(const struct container *c, int signal, struct err *e)
{
        size_t n;

        if (members_signal(c, signal, &n, e) < 0)
                return err_prefix(e, "cannot signal container '%s'", c->id);
        return 0;
}

struct asked {
        bool is_all;
        bool is_pattern;
        int signal;
};

static int kill_container(void *user, int root, const char *id, struct err *e)
{
        const struct asked *a = user;
        autocontainer c = CONTAINER_NONE;
        enum container_status status;

        if (container_open(root, id, &c, e) < 0 || container_get_status(&c, &status, e) < 0)
                return -e->code;
        if (status == CONTAINER_CREATING)
                return err_set(e, EBUSY, "cannot signal container '%s': it is being created", c.id);
        return a->is_all ? signal_all(&c, a->signal, e) : signal_first(&c, a->signal, e);
}

int cmd_kill(const struct globals *g, int argc, char **argv, struct err *e)
{
        struct asked a = { .is_all = false };
        const struct words_option options[] = {
                { .name = "all", .letter = 'a', .flag = &a.is_all },
                { .name = "regex", .letter = 'r', .flag = &a.is_pattern },
        };
        const struct words w = { .command = argv[0], .options = options, .n_options = 2 };
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID [SIGNAL]", operands, n, e) < 0 ||
            choose_signal(n > 1 ? operands[1] : NULL, &a.signal, e) < 0 ||
            container_open_root(g->root, &root, e) < 0)
                return -e->code;
        if (a.is_pattern)
                return container_ids_each(root, operands[0], kill_container, &a, e);
        return kill_container(&a, root, operands[0], e);
}
