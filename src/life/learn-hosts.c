#include "learn-inner.h"

#include "call-names.h"
#include "net-rule.h"
#include "net-special.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* What the command talked to, and which kinds of system calls it made. */

static bool is_used_with_port(const struct learn *l, const char *name, bool is_refused)
{
        for (size_t i = 0; i < l->n_uses; i++) {
                const struct learn_use *use = &l->uses[i];

                if (use->kind == OBSERVE_HOST && use->port != 0 && use->is_refused == is_refused &&
                    str_eq(use->name, name))
                        return true;
        }
        return false;
}

/*
 * A name is allowed by a rule, and then what it leads to may be refused: of that kelp-proxy tells
 * both.
 */
static bool is_refused_in_the_end(const struct learn *l, const struct learn_use *use)
{
        for (size_t i = 0; i < l->n_uses; i++) {
                const struct learn_use *other = &l->uses[i];

                if (other->kind == OBSERVE_HOST && other->is_refused && other->port == use->port &&
                    other->count >= use->count && str_eq(other->name, use->name))
                        return true;
        }
        return false;
}

static int family_of(const char *name, uint8_t address[16])
{
        if (inet_pton(AF_INET, name, address) == 1)
                return AF_INET;
        return inet_pton(AF_INET6, name, address) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* The sandbox's own loopback, and what stands for names in it. */
static bool is_inside(const char *name)
{
        static const uint8_t v6[16] = { [15] = 1 };
        uint8_t address[16];

        switch (family_of(name, address)) {
        case AF_INET:
                return address[0] == 127 || net_special_is_ours(AF_INET, address);
        case AF_INET6:
                return memcmp(address, v6, sizeof(v6)) == 0;
        default:
                return str_eq(name, "localhost");
        }
}

static bool is_address(const char *name)
{
        uint8_t address[16];

        return family_of(name, address) != AF_UNSPEC;
}

static int note_refused(struct learn *l, const struct learn_use *use, struct err *e)
{
        const char *name = learn_safe(l, use->name, e);
        const char *by = use->comm[0] ? ", by " : "";
        const char *text = NULL;

        if (name && use->port != 0)
                text = arena_print(&l->arena, e, "host %s, port %u%s%s: --allow %s:%u", name,
                                   use->port, by, use->comm, name, use->port);
        else if (name)
                text = arena_print(&l->arena, e, "host %s%s%s: --allow %s", name, by, use->comm,
                                   name);
        return text ? learn_note_refused(l, text, e) : -e->code;
}

static int add_host(struct learn *l, const struct learn_use *use, struct err *e)
{
        const char *value;

        /* who looks a name up may want no more than the answer */
        if (use->port == 0)
                value = use->name;
        else if (strchr(use->name, ':'))
                value = arena_print(&l->arena, e, "[%s]:%u", use->name, use->port);
        else
                value = arena_print(&l->arena, e, "%s:%u", use->name, use->port);
        const char *reason =
                value ? arena_print(&l->arena, e, "%s%s%s, %llu time%s",
                                    use->port ? "asked for" : "looked up",
                                    use->comm[0] ? " by " : "", use->comm,
                                    (unsigned long long)use->count, use->count == 1 ? "" : "s")
                      : NULL;
        return reason ? learn_add_line(l, LEARN_ALLOW, false, value, reason, e) : -e->code;
}

/* kelp-proxy does not know who asked; the observer may have seen it, too. */
static bool is_told_by_other(const struct learn *l, const struct learn_use *use)
{
        for (size_t i = 0; use->comm[0] == '\0' && i < l->n_uses; i++) {
                const struct learn_use *other = &l->uses[i];

                if (other->kind == OBSERVE_HOST && other->is_refused && other->comm[0] &&
                    other->port == use->port && str_eq(other->name, use->name))
                        return true;
        }
        return false;
}

static int settle_host(struct learn *l, const struct learn_use *use, struct err *e)
{
        bool is_known = net_rule_is_name(use->name) || is_address(use->name);

        if (is_inside(use->name))
                return 0;
        if (use->is_refused || !is_known) {
                /* a look-up that came with a refused connection says nothing more */
                if (use->port == 0 && is_used_with_port(l, use->name, true))
                        return 0;
                if (is_told_by_other(l, use))
                        return 0;
                return note_refused(l, use, e);
        }
        /* the connection that came of it says more, also where it was refused */
        if (use->port == 0 &&
            (is_used_with_port(l, use->name, false) || is_used_with_port(l, use->name, true)))
                return 0;
        return is_refused_in_the_end(l, use) ? 0 : add_host(l, use, e);
}

int learn_settle_hosts(struct learn *l, struct err *e)
{
        for (size_t i = 0; i < l->n_uses; i++) {
                if (l->uses[i].kind == OBSERVE_HOST && settle_host(l, &l->uses[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * Groups of policies/syscalls.groups that the base policy allows and many commands can do without.
 * A group with calls that depend on the data, the terminal or the libc's mood is not among them.
 */
static const struct optional_group {
        const char *name;
        const char *what;
} optional_groups[] = {
        { "@aio", "asynchronous reads and writes" },
        { "@ipc", "shared memory, semaphores and messages of System V and POSIX" },
        { "@sandbox", "sandboxes of its own" },
};

#define N_GROUPS (sizeof(optional_groups) / sizeof(optional_groups[0]))

bool learn_is_optional_group(const char *name)
{
        for (size_t i = 0; i < N_GROUPS; i++) {
                if (str_eq(optional_groups[i].name, name))
                        return true;
        }
        return false;
}

static bool has_call(const struct learn *l, const char *name)
{
        for (size_t i = 0; i < l->n_uses; i++) {
                if (l->uses[i].kind == OBSERVE_SYSCALL && str_eq(l->uses[i].name, name))
                        return true;
        }
        return false;
}

/* A group that is not known may be used. */
static bool is_used(const struct learn *l, const struct optional_group *group)
{
        const int *numbers = NULL;
        size_t n = 0;

        if (!call_names_group(group->name, &numbers, &n))
                return true;
        for (size_t i = 0; i < n; i++) {
                const char *name = call_names_of(numbers[i]);

                if (name && has_call(l, name))
                        return true;
        }
        return false;
}

static int note_refused_call(struct learn *l, const struct learn_use *use, struct err *e)
{
        const char *name = learn_safe(l, use->name, e);
        const char *text =
                name ? arena_print(&l->arena, e, "system call %s, by %s", name, use->comm) : NULL;

        return text ? learn_note_refused(l, text, e) : -e->code;
}

int learn_settle_calls(struct learn *l, struct err *e)
{
        for (size_t i = 0; i < l->n_uses; i++) {
                const struct learn_use *use = &l->uses[i];

                if (use->kind == OBSERVE_SYSCALL && use->is_refused &&
                    note_refused_call(l, use, e) < 0)
                        return -e->code;
        }
        /* who has not looked at all calls knows of none that was not made */
        if (!l->has_seen_calls)
                return 0;
        for (size_t i = 0; i < N_GROUPS; i++) {
                const struct optional_group *group = &optional_groups[i];

                if (is_used(l, group))
                        continue;
                const char *reason = arena_print(&l->arena, e, "not used: %s", group->what);
                if (!reason ||
                    learn_add_line(l, LEARN_DENY_CALLS, false, group->name, reason, e) < 0)
                        return -e->code;
        }
        return 0;
}
