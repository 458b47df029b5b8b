#include "plan.h"

#include "check-filtered.h"
#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The judgement of a whole plan.  Each check says all it finds: a user who has made three mistakes
 * reads three lines.
 */

static void complain(struct plan_problems *problems, const char *hint, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

static void complain(struct plan_problems *problems, const char *hint, const char *fmt, ...)
{
        struct err e = { 0 };
        char text[400];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        err_set(&e, EINVAL, "%s", text);
        if (hint)
                err_hint(&e, "%s", hint);
        plan_add_problem(problems, &e);
}

/* The kernel's MAX_ARG_STRLEN: one string of argv or of the environment. */
#define MAX_STRING 131072u
/* More than execve(2) takes under any stack limit: three quarters of _STK_LIM. */
#define MAX_STRINGS (6u << 20)

static size_t check_strings(const char *const *list, size_t n, const char *what,
                            struct plan_problems *problems)
{
        size_t total = 0;

        for (size_t i = 0; i < n; i++) {
                size_t len = strlen(list[i]) + 1;

                if (len > MAX_STRING)
                        complain(problems, NULL,
                                 "%s '%.40s...' has %zu bytes: the limit of the kernel is %u", what,
                                 list[i], len, MAX_STRING);
                total += len + sizeof(char *);
        }
        return total;
}

static void check_exec(const struct plan *p, struct plan_problems *problems)
{
        const struct plan_exec *exec = &p->exec;

        if (exec->n_args == 0) {
                if (p->root == PLAN_ROOT_IMAGE)
                        complain(problems, "name one behind the image",
                                 "image '%s' has no command of its own", p->image.name);
                else
                        complain(problems, "kelp run -- COMMAND", "there is no command to run");
        } else if (exec->argv[0][0] == '\0') {
                complain(problems, NULL, "the name of the command is empty");
        }
        if (!path_is_clean(exec->workdir))
                complain(problems, NULL, "the working directory '%s' is not an absolute path",
                         exec->workdir);
        else if (path_is_in(exec->workdir, "/proc"))
                complain(problems, "start elsewhere with -w",
                         "the working directory '%s' cannot lie in /proc", exec->workdir);

        size_t total = check_strings(exec->argv, exec->n_args, "argument", problems) +
                       check_strings(exec->env, exec->n_env, "variable", problems);
        if (total > MAX_STRINGS)
                complain(problems, NULL,
                         "arguments and environment have %zu bytes: the limit of the kernel is %u",
                         total, MAX_STRINGS);
}

static bool is_kernel_path(const char *path)
{
        return str_eq(path, "/proc") || str_eq(path, "/sys") || str_eq(path, "/dev");
}

static bool is_in_kernel_path(const char *path)
{
        return path_is_in(path, "/proc") || path_is_in(path, "/sys") || path_is_in(path, "/dev");
}

static bool is_top_level(const char *path)
{
        return path[1] != '\0' && !strchr(path + 1, '/');
}

static void check_place(const struct plan *p, const struct plan_rule *rule,
                        struct plan_problems *problems)
{
        const char *path = rule->box_path;

        if (str_eq(path, "/")) {
                complain(problems, "name what is needed of it", "%s: '/' itself cannot be %s",
                         rule->origin,
                         rule->kind == PLAN_RULE_PROTECTED ? "protected" : "replaced");
                return;
        }
        if (rule->kind == PLAN_RULE_PROTECTED)
                return;
        if (!path_is_clean(path)) {
                complain(problems, NULL, "%s: '%s' is not an absolute path", rule->origin, path);
                return;
        }
        if (rule->kind == PLAN_RULE_EMPTY && (p->root != PLAN_ROOT_HOST || !is_top_level(path)))
                complain(problems, NULL,
                         "%s: '%s' is not a top-level directory of a view of this host",
                         rule->origin, path);
        if (rule->kind == PLAN_RULE_DEVICE) {
                if (!path_is_in(path, "/dev") || str_eq(path, "/dev"))
                        complain(problems, NULL, "%s: device '%s' does not lie in /dev",
                                 rule->origin, path);
                return;
        }
        if (is_kernel_path(path) || (rule->kind != PLAN_RULE_HIDDEN && is_in_kernel_path(path)))
                complain(problems,
                         path_is_in(path, "/dev") ? "for a device there is --device" : NULL,
                         "%s: '%s' must be an ordinary directory", rule->origin, path);
}

/* Options that contradict each other; a policy may be overruled. */
static void check_same_place(const struct plan_files *files, size_t i,
                             struct plan_problems *problems)
{
        const struct plan_rule *rule = &files->rules[i];

        if (!str_has_prefix(rule->origin, "option "))
                return;
        for (size_t j = 0; j < i; j++) {
                const struct plan_rule *other = &files->rules[j];

                if (str_has_prefix(other->origin, "option ") &&
                    str_eq(other->box_path, rule->box_path)) {
                        complain(problems, "leave one of them out",
                                 "'%s' is asked for twice: by %s and by %s", rule->box_path,
                                 other->origin, rule->origin);
                        return;
                }
        }
}

static void check_files(const struct plan *p, struct plan_problems *problems)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                check_place(p, rule, problems);
                check_same_place(&p->files, i, problems);
                if (rule->mode > 07777)
                        complain(problems, NULL, "%s: mode %o is too large", rule->origin,
                                 rule->mode);
        }
}

static void check_image(const struct plan *p, struct plan_problems *problems)
{
        const struct plan_image *image = &p->image;

        if (p->root != PLAN_ROOT_IMAGE || image->directory)
                return;
        if (image->n_layers == 0)
                complain(problems, NULL, "image '%s' has no layers", image->name);
        else if (!image->store)
                complain(problems, NULL, "image '%s' has no place for its layers", image->name);
}

static void check_kept(const struct plan *p, struct plan_problems *problems)
{
        if (!p->image.is_kept)
                return;
        if (!p->name)
                complain(problems, "add --name NAME",
                         "what the run changes is to be kept, but not under what name");
        else if (!p->image.kept_dir)
                complain(problems, NULL, "there is no place to keep '%s' in", p->name);
        if (p->files.is_read_only)
                complain(problems, "leave --keep or --read-only out",
                         "what the run changes is to be kept, but the root is read-only");
}

static bool is_any_address(const char *address)
{
        return str_eq(address, "0.0.0.0") || str_eq(address, "::");
}

static bool is_same_port(const struct plan_port *a, const struct plan_port *b)
{
        return a->host_port == b->host_port && a->is_udp == b->is_udp &&
               (str_eq(a->host_address, b->host_address) || is_any_address(a->host_address) ||
                is_any_address(b->host_address));
}

static void check_ports(const struct plan_net *net, struct plan_problems *problems)
{
        if (net->n_ports > 0 && net->mode == PLAN_NETWORK_NONE)
                complain(problems,
                         "add --network filtered, where --allow says what is reached, or "
                         "--network user",
                         "ports are published, but there is no network");
        if (net->n_ports > 0 && net->mode == PLAN_NETWORK_HOST)
                complain(problems, "leave --publish out, or use --network user",
                         "ports are published, but the network is the host's own");
        for (size_t i = 0; i < net->n_ports; i++) {
                const struct plan_port *port = &net->ports[i];

                if (port->host_port == 0 || port->box_port == 0)
                        complain(problems, NULL, "port 0 cannot be published");
                for (size_t j = 0; j < i; j++) {
                        if (is_same_port(port, &net->ports[j])) {
                                complain(problems, NULL,
                                         "%s port %u of the host is published twice",
                                         port->is_udp ? "udp" : "tcp", port->host_port);
                                break;
                        }
                }
        }
}

static void check_net(const struct plan *p, struct plan_problems *problems)
{
        const struct plan_net *net = &p->net;

        check_ports(net, problems);
        if (net->n_dns > 0 && net->mode == PLAN_NETWORK_NONE)
                complain(problems, "add --network user",
                         "a DNS server is given, but there is no network");
        if (!parse_is_host_name(net->host_name))
                complain(problems, NULL, "'%s' is not a host name", net->host_name);
        for (size_t i = 0; i < net->n_hosts; i++) {
                if (!parse_is_host_name(net->hosts[i].name))
                        complain(problems, NULL, "'%s' is not a host name", net->hosts[i].name);
        }
}

static void check_fake_root(const struct plan *p, struct plan_problems *problems)
{
        if (p->ids.fake_root != PLAN_FAKE_ROOT_ON)
                return;
        if (p->root == PLAN_ROOT_HOST)
                complain(problems, "leave --fake-root out, or run an image",
                         "a view of this host has no root to fake: the command runs as you");
        else if (p->ids.mode == PLAN_USERNS_SUBIDS)
                complain(problems, "leave one of the two out",
                         "--fake-root on goes with one id: with subordinate ids, root's own calls "
                         "work");
}

/* With one id in the map there is one id to run as. */
static void check_ids(const struct plan *p, struct plan_problems *problems)
{
        const struct plan_ids *ids = &p->ids;
        const struct plan_user *user = &ids->user;
        bool is_host = p->root == PLAN_ROOT_HOST;

        if (is_host && ids->mode == PLAN_USERNS_SUBIDS)
                complain(problems, "leave --userns out",
                         "a view of this host maps your own id alone, not subordinate ones");
        if (!is_host && ids->mode != PLAN_USERNS_SINGLE)
                return;
        if (is_host && (user->name || user->group)) {
                complain(problems, "use numbers, or an image",
                         "'%s': names of users are looked up in an image only",
                         user->name ? user->name : user->group);
                return;
        }
        const char *hint = is_host ? "leave --user out: a view of this host has your own id alone"
                           : ids->fake_root == PLAN_FAKE_ROOT_ON
                                   ? "leave --fake-root on out: it goes with one id"
                                   : "add --userns subids";
        if (!user->name && user->uid != ids->base_uid)
                complain(problems, hint, "user id %u is not mapped: there is only %u", user->uid,
                         ids->base_uid);
        if (user->has_gid && !user->group && user->gid != ids->base_gid)
                complain(problems, hint, "group id %u is not mapped: there is only %u", user->gid,
                         ids->base_gid);
}

static void check_report(const struct plan *p, struct plan_problems *problems)
{
        const struct plan_report *report = &p->report;

        if (report->status_fd >= 0 && report->status_fd < 3)
                complain(problems, NULL, "the status descriptor %d belongs to the command",
                         report->status_fd);
        if (report->ready_fd >= 0 && report->ready_fd < 3)
                complain(problems, NULL, "the descriptor %d of --ready-fd belongs to the command",
                         report->ready_fd);
        if (report->ready_fd >= 0 && report->ready_fd == report->status_fd)
                complain(problems, "give each a descriptor of its own",
                         "descriptor %d is that of --status-fd and of --ready-fd",
                         report->ready_fd);
        for (size_t i = 0; i < report->n_keep_fds; i++) {
                int fd = report->keep_fds[i];

                if (fd < 3)
                        complain(problems, NULL, "descriptor %d is kept anyway", fd);
                if (i > 0 && report->keep_fds[i - 1] == fd)
                        complain(problems, NULL, "descriptor %d is kept twice", fd);
                if (fd == report->status_fd)
                        complain(problems, "the command must not write the status",
                                 "descriptor %d is both kept and the status descriptor", fd);
                if (fd == report->ready_fd)
                        complain(problems, "the command must not say for kelp that it runs",
                                 "descriptor %d is both kept and that of --ready-fd", fd);
        }
}

static void check_rights(const struct plan *p, struct plan_problems *problems)
{
        if (p->root == PLAN_ROOT_HOST && p->confine.keep_caps != 0)
                complain(problems, "run an image to have capabilities inside it",
                         "a view of this host has no capabilities to keep");
        if (!p->confine.filter)
                complain(problems, NULL, "there is no filter of system calls");
        for (size_t i = 0; i < p->limits.n_rlimits; i++) {
                const struct plan_rlimit *limit = &p->limits.rlimits[i];

                if (limit->soft > limit->hard)
                        complain(problems, NULL, "a soft limit is above its hard limit");
        }
}

int plan_check(const struct plan *p, struct plan_problems *problems)
{
        size_t before = problems->n;

        check_exec(p, problems);
        check_image(p, problems);
        check_kept(p, problems);
        check_files(p, problems);
        check_net(p, problems);
        check_filtered(p, problems);
        check_ids(p, problems);
        check_fake_root(p, problems);
        check_rights(p, problems);
        check_report(p, problems);
        return problems->n == before ? 0 : -EINVAL;
}
