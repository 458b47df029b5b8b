#include "attempt.h"
#include "cause.h"
#include "fd.h"
#include "mem.h"
#include "outer.h"
#include "probes.h"
#include "str.h"
#include "subids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * newuidmap(1) and newgidmap(1), the two setuid programs that may map more than one id.  They can
 * be absent, without their bit (or file capability), on a nosuid mount, powerless since
 * no_new_privs is set, or refuse the ranges: each has its own sentence.
 */

struct tool {
        const char *name;
        const char *file; /* of the ranges */
};

static const struct tool tools[] = {
        { "newuidmap", "etc/subuid" },
        { "newgidmap", "etc/subgid" },
};

struct mapper {
        const struct host_subids *ids[2];
        char said[200]; /* what the program that failed said */
};

/* Whether running it gives rights: by the setuid bit, or by a file capability. */
static bool has_privilege(const struct host_view *v, const char *path, const struct stat *st)
{
        autofd fd = openat(v->root_fd, path + 1, O_RDONLY | O_CLOEXEC);
        char value[64];

        if (st->st_mode & S_ISUID)
                return true;
        /* unreadable is not "none": let the trial decide */
        return fd < 0 || fgetxattr(fd, "security.capability", value, sizeof(value)) > 0;
}

static bool is_on_nosuid(const struct host_view *v, const char *path)
{
        autofd fd = openat(v->root_fd, path + 1, O_PATH | O_CLOEXEC);
        struct statvfs vfs;

        return fd >= 0 && fstatvfs(fd, &vfs) == 0 && (vfs.f_flag & ST_NOSUID);
}

/* What can be seen of the file; root needs no rights from it. */
static bool explain_rights(const struct host_view *v, const char *path, struct host_cause *ret)
{
        struct stat st;

        if (v->uid == 0 || fstatat(v->root_fd, path + 1, &st, 0) < 0)
                return false;
        if (!has_privilege(v, path, &st)) {
                host_cause_why(ret, "'%s' has lost its setuid bit and has no file capability",
                               path);
                host_cause_fix(ret, "%schmod u+s %s", host_sudo(v), path);
                return true;
        }
        if ((st.st_mode & S_ISUID) && st.st_uid != 0 && v->is_real) {
                host_cause_why(ret, "'%s' does not belong to root here, but to uid %u", path,
                               st.st_uid);
                host_cause_fix(ret,
                               "in an outer container: one that maps root; on the machine: "
                               "%schown root %s && %schmod u+s %s",
                               host_sudo(v), path, host_sudo(v), path);
                return true;
        }
        if (is_on_nosuid(v, path)) {
                host_cause_why(ret, "'%s' lies on a file system that is mounted nosuid", path);
                host_cause_fix(ret, "%smount -o remount,suid \"$(findmnt -no TARGET -T %s)\"",
                               host_sudo(v), path);
                return true;
        }
        return false;
}

static bool explain_tool(const struct host_view *v, const struct tool *tool, struct host_cause *ret)
{
        char path[PATH_MAX];
        char command[128];

        if (host_find_program(v, tool->name, path, sizeof(path)))
                return explain_rights(v, path, ret);
        host_cause_why(ret, "'%s' is not installed", tool->name);
        host_install_command(v, "newuidmap", command, sizeof(command));
        host_cause_fix(ret, "%s", command);
        return true;
}

static bool explain_tools(const struct host_view *v, struct host_cause *ret)
{
        for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
                if (explain_tool(v, &tools[i], ret))
                        return true;
        }
        if (v->uid != 0 && host_status_number(v, "NoNewPrivs") == 1) {
                enum host_outer outer = host_find_outer(v);

                host_cause_why(ret,
                               "%s set no_new_privs, so that setuid programs like newuidmap "
                               "get no rights",
                               host_outer_name(outer));
                host_outer_fix(outer, HOST_OUTER_NNP, ret);
                return true;
        }
        return false;
}

/* Maps root to the user and the first range from 1 on, as a launch does. */
static int run_tool(const struct host_view *v, const struct tool *tool, pid_t pid, unsigned own,
                    const struct host_subid *range, char *said, size_t size, struct err *e)
{
        char path[PATH_MAX];
        char pid_text[16];
        char own_text[16];
        char start[16];
        char count[16];
        const char *const argv[] = { path, pid_text, "0", own_text, "1", "1", start, count, NULL };
        int code = 0;

        if (!host_find_program(v, tool->name, path, sizeof(path)))
                return host_failed(e, HOST_TOPIC_NEWIDMAP,
                                   err_set(e, ENOENT, "'%s' is not installed", tool->name));
        snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
        snprintf(own_text, sizeof(own_text), "%u", own);
        snprintf(start, sizeof(start), "%u", range->start);
        snprintf(count, sizeof(count), "%u", range->count);
        if (host_run_program(argv, said, size, &code, e) < 0)
                return host_failed(e, HOST_TOPIC_NEWIDMAP, -e->code);
        if (code == 0)
                return 0;
        said[strcspn(said, "\n")] = '\0';
        return host_failed(e, HOST_TOPIC_NEWIDMAP,
                           err_set(e, EIO, "'%s' failed with status %d", path, code));
}

static int map_ranges(const struct host_view *v, pid_t pid, void *data, struct err *e)
{
        const unsigned own[] = { v->uid, v->gid };
        struct mapper *mapper = data;

        for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
                if (run_tool(v, &tools[i], pid, own[i], &mapper->ids[i]->ranges[0], mapper->said,
                             sizeof(mapper->said), e) < 0)
                        return -e->code;
        }
        return 0;
}

/* A range is only good where the outer user namespace has its ids. */
static bool explain_unmapped(const struct host_view *v, const struct host_subids *ids,
                             struct host_cause *ret)
{
        static const char *const maps[] = { "proc/self/uid_map", "proc/self/gid_map" };

        for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
                const struct host_subid *range = &ids[i].ranges[0];

                if (host_is_mapped(v, maps[i], range->start) &&
                    host_is_mapped(v, maps[i], range->start + range->count - 1))
                        continue;
                host_cause_why(ret,
                               "/%s gives you %u ids from %u on, and not all of them are "
                               "mapped in the user namespace that kelp runs in",
                               tools[i].file, range->count, range->start);
                host_cause_fix(ret,
                               "give the outer container more ids, or put ids of "
                               "/%s into /%s",
                               maps[i], tools[i].file);
                return true;
        }
        return false;
}

/* A failure that nothing visible explains: the program's own words are the reason. */
static void explain_failure(const struct host_view *v, const struct host_subids *ids,
                            const char *said, struct host_cause *ret)
{
        if (explain_unmapped(v, ids, ret))
                return;
        host_cause_why(ret, "it said: %s", said[0] ? said : "nothing");
        host_cause_fix(ret,
                       "newuidmap takes only the lines of /etc/subuid and /etc/subgid that "
                       "are '%s': ask for them, or use --userns single",
                       v->user);
}

/* Both files, for one failing step; false when there is nothing to map. */
static bool read_ranges(const struct host_view *v, struct host_subids *ids)
{
        struct err unused = { 0 };

        for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
                if (host_subids_read(v, tools[i].file, &ids[i], &unused) < 0 || ids[i].n == 0)
                        return false;
        }
        return true;
}

static int try_mapping(const struct host_view *v, const struct host_subids *ids, char *ret_said,
                       size_t size, struct err *e)
{
        struct mapper mapper = { .ids = { &ids[0], &ids[1] } };
        const struct host_attempt attempt = {
                .data = &mapper,
                .in_userns = true,
                .map = map_ranges,
        };
        int r = host_attempt(v, &attempt, NULL, e);

        snprintf(ret_said, size, "%s", mapper.said);
        return r;
}

bool host_cause_newidmap(const struct host_view *v, struct host_cause *ret)
{
        struct host_fact fact = { 0 };
        struct host_subids ids[2];
        char said[200] = "";
        struct err e = { 0 };

        if (explain_tools(v, ret))
                return true;
        if (!read_ranges(v, ids)) {
                host_probe_subids(v, &fact);
                *ret = fact.cause;
                return fact.cause.why[0] != '\0';
        }
        if (try_mapping(v, ids, said, sizeof(said), &e) == 0 || e.step != HOST_TOPIC_NEWIDMAP)
                return false;
        explain_failure(v, ids, said, ret);
        return true;
}

void host_probe_newidmap(const struct host_view *v, struct host_fact *ret)
{
        struct host_subids ids[2];
        char said[200] = "";
        struct err e = { 0 };

        if (explain_tools(v, &ret->cause)) {
                host_fact_set(ret, HOST_WEAKER, "images run with one id");
                return;
        }
        if (!read_ranges(v, ids)) {
                host_fact_set(ret, HOST_WEAKER, "images run with one id");
                host_cause_why(&ret->cause, "it is installed, and has nothing to map");
                host_cause_fix(&ret->cause, "as for the subordinate ids");
                return;
        }
        if (try_mapping(v, ids, said, sizeof(said), &e) == 0) {
                host_fact_set(ret, HOST_OK, "maps subordinate ids");
                return;
        }
        if (host_is_untried(&e, HOST_TOPIC_NEWIDMAP, ret))
                return;
        host_fact_set(ret, HOST_WEAKER, "%.*s", err_message_len(&e), e.text);
        explain_failure(v, ids, said, &ret->cause);
}
