#include "dump.h"

#include "apply.h"
#include "caps.h"
#include "parse.h"
#include "str.h"
#include "syscalls.h"
#include "word.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

static void put_text(FILE *out, const char *text)
{
        char safe[4096 * 4];

        fputs(str_escape(safe, sizeof(safe), text, strlen(text)), out);
}

static void put_word(FILE *out, const char *text)
{
        char word[4096 * 4];

        fputs(word_quote(word, sizeof(word), text), out);
}

static void put_label(FILE *out, const char *label)
{
        fprintf(out, "%-14s", label);
}

static void put_size(FILE *out, uint64_t bytes)
{
        static const char units[] = "bkmgt";
        size_t i = 0;

        while (bytes >= 1024 && bytes % 1024 == 0 && i < 4) {
                bytes /= 1024;
                i++;
        }
        fprintf(out, "%" PRIu64 "%c", bytes, units[i]);
}

static void dump_changes(FILE *out, const struct plan_image *image)
{
        put_label(out, "changes");
        if (image->kept_dir) {
                fputs("kept in ", out);
                put_word(out, image->kept_dir);
                fputc('\n', out);
        } else {
                fputs("thrown away\n", out);
        }
}

static void dump_root(FILE *out, const struct plan *p)
{
        const struct plan_image *image = &p->image;

        put_label(out, "policy");
        put_text(out, p->policy_name);
        fputc('\n', out);
        if (p->name) {
                put_label(out, "name");
                put_text(out, p->name);
                fputc('\n', out);
        }
        put_label(out, "root");
        if (p->root == PLAN_ROOT_HOST) {
                fputs("a view of this host, read-only\n", out);
                return;
        }
        fputs("image ", out);
        put_text(out, image->name);
        if (image->directory) {
                fputs(", the directory ", out);
                put_word(out, image->directory);
        } else {
                fprintf(out, ", %zu layer%s", image->n_layers, image->n_layers == 1 ? "" : "s");
                if (image->id) {
                        fputs(", ", out);
                        put_text(out, image->id);
                }
        }
        fputs(p->files.is_read_only ? ", read-only\n" : "\n", out);
        if (!p->files.is_read_only)
                dump_changes(out, image);
        for (size_t i = 0; i < image->n_layers; i++) {
                put_label(out, i == 0 ? "layers" : "");
                fprintf(out, "%s\n", image->layers[i]);
        }
}

static const char *userns_name(const struct plan *p)
{
        if (p->root == PLAN_ROOT_HOST)
                return "this id alone";
        switch (p->ids.mode) {
        case PLAN_USERNS_SINGLE:
                return "this id alone";
        case PLAN_USERNS_SUBIDS:
                return "and the subordinate ids";
        case PLAN_USERNS_AUTO:
                break;
        }
        return "and the subordinate ids where they work";
}

static void dump_fake_root(FILE *out, const struct plan *p, bool has_one_id)
{
        if (p->root == PLAN_ROOT_HOST)
                return;
        put_label(out, "fake root");
        if (plan_fakes_root(p, has_one_id))
                fputs("on: calls that need other ids (@fake-root) say that they worked\n", out);
        else if (p->ids.fake_root == PLAN_FAKE_ROOT_OFF)
                fputs("off\n", out);
        else if (p->ids.mode == PLAN_USERNS_AUTO)
                fputs("off while the subordinate ids work\n", out);
        else
                fputs("off: the ids are real\n", out);
}

static void dump_ids(FILE *out, const struct plan *p)
{
        const struct plan_ids *ids = &p->ids;
        const struct plan_user *user = &ids->user;

        put_label(out, "ids");
        fprintf(out, "user %u outside is %u inside, group %u is %u, %s\n", ids->outer_uid,
                ids->base_uid, ids->outer_gid, ids->base_gid, userns_name(p));
        put_label(out, "runs as");
        if (user->name)
                put_text(out, user->name);
        else
                fprintf(out, "%u", user->uid);
        if (user->group) {
                fputc(':', out);
                put_text(out, user->group);
        } else if (user->has_gid) {
                fprintf(out, ":%u", user->gid);
        }
        fputc('\n', out);
}

static void put_rules(FILE *out, const struct plan_net *net, bool is_deny)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (rule->is_deny != is_deny)
                        continue;
                put_label(out, is_deny ? "denied" : "allowed");
                put_text(out, rule->text);
                fputs("  (", out);
                put_text(out, rule->origin);
                fputs(")\n", out);
        }
}

static void dump_filtered(FILE *out, const struct plan_net *net)
{
        put_rules(out, net, false);
        put_rules(out, net, true);
        for (size_t i = 0; i < net->n_host_ports; i++) {
                put_label(out, "host port");
                fprintf(out, "%u of the host's 127.0.0.1 is lent\n", net->host_ports[i]);
        }
        if (net->upstream.origin) {
                put_label(out, "upstream");
                put_text(out, net->upstream.host);
                fprintf(out, " port %u, of %s\n", net->upstream.port, net->upstream.origin);
        }
        if (net->log) {
                put_label(out, "log");
                put_word(out, net->log);
                fputc('\n', out);
        }
}

static void dump_net(FILE *out, const struct plan_net *net)
{
        static const char *const modes[] = {
                [PLAN_NETWORK_NONE] = "none: loopback alone",
                [PLAN_NETWORK_USER] = "user: slirp4netns, the host's loopback closed",
                [PLAN_NETWORK_HOST] = "host: shared with the host",
                [PLAN_NETWORK_FILTERED] = "filtered: what is allowed by name, and nothing else",
        };

        put_label(out, "namespaces");
        fprintf(out, "user mount pid %sipc uts cgroup\n",
                net->mode == PLAN_NETWORK_HOST ? "" : "net ");
        put_label(out, "network");
        fprintf(out, "%s\n", modes[net->mode]);
        if (net->mode == PLAN_NETWORK_FILTERED)
                dump_filtered(out, net);
        for (size_t i = 0; i < net->n_ports; i++) {
                const struct plan_port *port = &net->ports[i];

                put_label(out, i == 0 ? "ports" : "");
                fprintf(out, "%s port %u of ", port->is_udp ? "udp" : "tcp", port->host_port);
                put_text(out, port->host_address);
                fprintf(out, " is %u inside\n", port->box_port);
        }
        for (size_t i = 0; i < net->n_dns; i++) {
                put_label(out, i == 0 ? "dns" : "");
                put_text(out, net->dns[i]);
                fputc('\n', out);
        }
        for (size_t i = 0; i < net->n_hosts; i++) {
                put_label(out, i == 0 ? "hosts" : "");
                put_text(out, net->hosts[i].name);
                fputs(" is ", out);
                put_text(out, net->hosts[i].address);
                fputc('\n', out);
        }
        put_label(out, "hostname");
        put_text(out, net->host_name);
        fputc('\n', out);
}

static void dump_filter(FILE *out, const struct plan *p, const struct dump_facts *f)
{
        char name[PLAN_MAX_FILTER_NAME];

        plan_filter_name(p, f->has_one_id, name);
        put_label(out, "seccomp");
        put_text(out, name);
        if (p->confine.n_syscalls > 0)
                fprintf(out, " and %zu words of your own", p->confine.n_syscalls);
        if (f->n_instructions > 0)
                fprintf(out, ", %zu instructions", f->n_instructions);
        fputc('\n', out);
}

static void dump_confine(FILE *out, const struct plan *p, const struct dump_facts *f)
{
        const struct plan_confine *confine = &p->confine;

        put_label(out, "capabilities");
        if (confine->keep_caps == 0)
                fputs("none", out);
        for (int cap = 0; cap < 64; cap++) {
                if (confine->keep_caps >> cap & 1)
                        fprintf(out, "%s%s",
                                confine->keep_caps & ((UINT64_C(1) << cap) - 1) ? " " : "",
                                caps_name(cap) ? caps_name(cap) : "unknown");
        }
        fputc('\n', out);
        dump_filter(out, p, f);
        put_label(out, "nesting");
        fputs(confine->may_nest_userns ? "user namespaces inside are allowed\n"
                                       : "no user namespaces inside\n",
              out);
}

static void put_limit(FILE *out, uint64_t value)
{
        if (value == RLIM_INFINITY)
                fputs("unlimited", out);
        else
                fprintf(out, "%" PRIu64, value);
}

static void dump_limits(FILE *out, const struct plan_limits *limits)
{
        put_label(out, "limits");
        for (size_t i = 0; i < limits->n_rlimits; i++) {
                fprintf(out, "%s ", apply_resource_name(limits->rlimits[i].resource));
                put_limit(out, limits->rlimits[i].soft);
                fputc(':', out);
                put_limit(out, limits->rlimits[i].hard);
                fputs(", ", out);
        }
        fputs("/dev/shm ", out);
        put_size(out, limits->shm_size);
        if (limits->timeout_ns > 0)
                fprintf(out, ", %" PRIu64 ".%03u s of time", limits->timeout_ns / 1000000000u,
                        (unsigned)(limits->timeout_ns / 1000000u % 1000u));
        fputc('\n', out);
}

/* Limits that not every machine enforces, and who does here. */
static void dump_shared_limits(FILE *out, const struct plan_limits *limits,
                               const struct dump_facts *f)
{
        if (limits->memory > 0) {
                put_label(out, "memory");
                put_size(out, limits->memory);
                fprintf(out, ", %s\n", f->memory_words);
        }
        if (limits->cpus_milli > 0) {
                put_label(out, "processors");
                fprintf(out, "%" PRIu64 ".%03" PRIu64 ", %s\n", limits->cpus_milli / 1000,
                        limits->cpus_milli % 1000, f->cpus_words);
        }
        if (limits->processes > 0) {
                put_label(out, "processes");
                fprintf(out, "%" PRIu64 ", %s\n", limits->processes, f->processes_words);
        }
}

static void dump_exec(FILE *out, const struct plan *p)
{
        const struct plan_exec *exec = &p->exec;

        put_label(out, "descriptors");
        fputs("0 1 2", out);
        for (size_t i = 0; i < p->report.n_keep_fds; i++)
                fprintf(out, " %d", p->report.keep_fds[i]);
        fputs(exec->force_tty ? ", on a terminal of its own\n" : "\n", out);
        if (p->report.is_detached) {
                put_label(out, "detached");
                fprintf(out, "in the background%s%s\n",
                        exec->keeps_input || exec->force_tty ? ", with an input to attach to" : "",
                        p->report.is_transient ? ", and nothing is left at its end" : "");
        }
        if (p->report.pid_file) {
                put_label(out, "pidfile");
                put_word(out, p->report.pid_file);
                fputc('\n', out);
        }
        if (p->report.explains) {
                put_label(out, "explained");
                fputs("an observer is asked about calls with names, and told of refused ones\n",
                      out);
        }
        put_label(out, "environment");
        for (size_t i = 0; i < exec->n_env; i++) {
                char safe[512];

                str_escape(safe, sizeof(safe), exec->env[i], strcspn(exec->env[i], "="));
                fprintf(out, "%s%s", i > 0 ? " " : "", safe);
        }
        fputc('\n', out);
        put_label(out, "directory");
        put_word(out, exec->workdir);
        fputc('\n', out);
        put_label(out, "stop signal");
        const char *signal = parse_signal_name(exec->stop_signal);
        if (signal)
                fprintf(out, "%s\n", signal);
        else
                fprintf(out, "%d\n", exec->stop_signal);
        put_label(out, "command");
        for (size_t i = 0; i < exec->n_args; i++) {
                fputs(i > 0 ? " " : "", out);
                put_word(out, exec->argv[i]);
        }
        fputc('\n', out);
}

struct flag_name {
        unsigned flag;
        char name[12];
};

static const struct flag_name flag_names[] = {
        { TREE_NO_SUID, "nosuid" }, { TREE_NO_DEV, "nodev" },   { TREE_NO_EXEC, "noexec" },
        { TREE_RECURSIVE, "rec" },  { TREE_IS_CACHE, "cache" }, { TREE_OVERLAID, "overlaid" },
};

static bool is_mount(enum tree_kind kind)
{
        return kind != TREE_DIR && kind != TREE_SYMLINK && kind != TREE_FILE && kind != TREE_EMPTY;
}

static void put_flags(FILE *out, const struct tree_entry *entry)
{
        if (is_mount(entry->kind))
                fputs(entry->flags & TREE_READ_ONLY ? "  ro" : "  rw", out);
        for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
                if (is_mount(entry->kind) && entry->flags & flag_names[i].flag)
                        fprintf(out, ",%s", flag_names[i].name);
        }
        if (entry->kind == TREE_DIR || entry->kind == TREE_FILE)
                fprintf(out, "  mode=%o", entry->mode);
        if (entry->kind == TREE_TMPFS)
                fprintf(out, ",mode=%o", entry->mode);
        if (entry->kind == TREE_TMPFS && entry->size > 0) {
                fputs(",size=", out);
                put_size(out, entry->size);
        }
        if (entry->flags & TREE_IF_EXISTS)
                fputs("  if it exists", out);
        if (entry->flags & TREE_IF_PARENT)
                fputs("  if its directory exists", out);
}

static int text_width(const char *text)
{
        int width = 0;

        for (; *text; text++)
                width += ((unsigned char)*text & 0xc0) != 0x80;
        return width;
}

#define PATH_COLUMN 34

static void dump_entry(FILE *out, size_t number, const struct tree_entry *entry)
{
        int width = text_width(entry->box_path);

        fprintf(out, "%4zu  %-8s ", number, tree_kind_name(entry->kind));
        put_word(out, entry->box_path);
        if (entry->kind == TREE_SYMLINK) {
                fputs(" -> ", out);
                put_word(out, entry->source);
                width += text_width(entry->source) + 4;
        } else if (entry->kind == TREE_BIND && !str_eq(entry->source, entry->box_path)) {
                fputs(" from ", out);
                put_word(out, entry->source);
                width += text_width(entry->source) + 6;
        }
        fprintf(out, "%*s", width < PATH_COLUMN ? PATH_COLUMN - width : 0, "");
        put_flags(out, entry);
        if (entry->origin) {
                fputs("  (", out);
                put_text(out, entry->origin);
                fputc(')', out);
        }
        fputc('\n', out);
}

static void dump_patterns(FILE *out, const struct tree *t)
{
        if (t->n_patterns > 0)
                fprintf(out, "\nPatterns, with what matches them now:\n");
        for (size_t i = 0; i < t->n_patterns; i++) {
                const struct tree_pattern *pattern = &t->patterns[i];

                fprintf(out, "%6zu  ", pattern->n_matches);
                put_word(out, pattern->text);
                fputs("  (", out);
                put_text(out, pattern->origin);
                fputs(")\n", out);
        }
}

static void dump_watched(FILE *out, const struct tree *t)
{
        bool is_first = true;

        for (size_t i = 0; i < t->n_watched; i++) {
                if (t->watched[i].is_there)
                        continue;
                if (is_first)
                        fprintf(out, "\nProtected, but not there yet; told at the end when it "
                                     "appears:\n");
                is_first = false;
                fputs("      ", out);
                put_word(out, t->watched[i].host_path);
                fputc('\n', out);
        }
}

static void dump_open_repos(FILE *out, const struct tree *t)
{
        if (t->n_open_repos > 0)
                fprintf(out, "\nNot protected: %zu more git repositories in subdirectories\n",
                        t->n_open_repos);
}

int dump_plan(FILE *out, const struct plan *p, const struct tree *t, const struct dump_facts *f)
{
        struct err e = { 0 };

        dump_root(out, p);
        dump_ids(out, p);
        dump_fake_root(out, p, f->has_one_id);
        dump_net(out, &p->net);
        dump_confine(out, p, f);
        dump_limits(out, &p->limits);
        dump_shared_limits(out, &p->limits, f);
        dump_exec(out, p);
        fprintf(out, "\nThe root, in the order in which it is made:\n");
        for (size_t i = 0; i < t->n_entries; i++)
                dump_entry(out, i + 1, &t->entries[i]);
        dump_patterns(out, t);
        dump_watched(out, t);
        dump_open_repos(out, t);
        if (syscalls_dump(out, p, plan_fakes_root(p, f->has_one_id), &e) < 0)
                return -e.code;
        return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
