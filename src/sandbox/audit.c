#include "audit.h"

#include "fd.h"
#include "io.h"
#include "path.h"
#include "resolve.h"
#include "special.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TABLE (16u << 20)

static const char *const namespace_names[AUDIT_NAMESPACES] = {
        "ns/mnt", "ns/pid", "ns/net", "ns/ipc", "ns/uts", "ns/cgroup",
};

int audit_read_namespaces(struct audit_namespaces *ret, struct err *e)
{
        autofd self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (self < 0)
                return err_sys(e, "cannot open '/proc/self'");
        for (size_t i = 0; i < AUDIT_NAMESPACES; i++) {
                if (fstatat(self, namespace_names[i], &st, 0) < 0)
                        return err_sys(e, "cannot stat '/proc/self/%s'", namespace_names[i]);
                ret->inode[i] = st.st_ino;
        }
        return 0;
}

static int check_namespaces(const struct plan *p, const struct audit_namespaces *outer,
                            struct err *e)
{
        struct audit_namespaces inner;

        if (audit_read_namespaces(&inner, e) < 0)
                return -e->code;
        for (size_t i = 0; i < AUDIT_NAMESPACES; i++) {
                bool may_share =
                        p->net.mode == PLAN_NETWORK_HOST && str_eq(namespace_names[i], "ns/net");

                if (inner.inode[i] == outer->inode[i] && !may_share)
                        return err_set(e, EPERM, "the sandbox has the host's namespace '%s'",
                                       namespace_names[i]);
        }
        return 0;
}

struct mount_line {
        char *point;
        unsigned flags; /* enum tree_flags */
        const char *type;
        bool is_shared;
        bool is_named; /* by an entry of the list */
};

struct mount_table {
        struct mount_line *lines;
        size_t n;
        size_t n_open; /* from here on all are named */
};

/* "\040" and its like; source: proc_pid_mountinfo(5). */
static void unescape(char *text)
{
        char *to = text;

        for (; *text; text++) {
                if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
                        *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 +
                                       (text[3] - '0'));
                        text += 3;
                        continue;
                }
                *to++ = *text;
        }
        *to = '\0';
}

static unsigned parse_flags(char *options)
{
        unsigned flags = 0;

        for (char *o = str_next_field(&options, ','); o; o = str_next_field(&options, ',')) {
                if (str_eq(o, "ro"))
                        flags |= TREE_READ_ONLY;
                else if (str_eq(o, "nosuid"))
                        flags |= TREE_NO_SUID;
                else if (str_eq(o, "nodev"))
                        flags |= TREE_NO_DEV;
                else if (str_eq(o, "noexec"))
                        flags |= TREE_NO_EXEC;
        }
        return flags;
}

/* "id parent major:minor root point options [optional fields] - type source options" */
static int parse_line(char *text, struct mount_line *ret)
{
        char *fields[6];

        for (size_t i = 0; i < 6; i++) {
                fields[i] = str_next_field(&text, ' ');
                if (!fields[i])
                        return -EPROTO;
        }
        unescape(fields[4]);
        *ret = (struct mount_line){ .point = fields[4], .flags = parse_flags(fields[5]) };
        for (char *f = str_next_field(&text, ' '); f && !str_eq(f, "-");
             f = str_next_field(&text, ' '))
                ret->is_shared = true;
        ret->type = str_next_field(&text, ' ');
        return ret->type ? 0 : -EPROTO;
}

static int parse_table(struct arena *a, char *text, struct mount_table *ret, struct err *e)
{
        for (char *line = str_next_field(&text, '\n'); line; line = str_next_field(&text, '\n')) {
                if (*line == '\0')
                        continue;
                if (arena_grow(a, &ret->lines, ret->n, sizeof(*ret->lines), 100000, "mounts", e) <
                    0)
                        return -e->code;
                if (parse_line(line, &ret->lines[ret->n]) < 0)
                        return err_set(e, EPROTO, "cannot read the mount table");
                ret->n++;
        }
        return 0;
}

static bool is_mount(const struct tree_entry *entry)
{
        switch (entry->kind) {
        case TREE_DIR:
        case TREE_SYMLINK:
                return false;
        case TREE_FILE:
                return !(entry->flags & TREE_IN_OWN_TMPFS);
        case TREE_BIND:
        case TREE_PIN:
        case TREE_EMPTY:
        case TREE_TMPFS:
        case TREE_PROC:
        case TREE_SYSFS:
        case TREE_DEVPTS:
        case TREE_MQUEUE:
        case TREE_OVERLAY:
                return true;
        }
        return true;
}

/* The topmost mount at `point` that no later entry has. */
static struct mount_line *find_line(struct mount_table *table, const char *point)
{
        /* both are gone through from their ends: what is looked for is mostly the last one left */
        while (table->n_open > 0 && table->lines[table->n_open - 1].is_named)
                table->n_open--;
        for (size_t i = table->n_open; i > 0; i--) {
                struct mount_line *line = &table->lines[i - 1];

                if (!line->is_named && str_eq(line->point, point))
                        return line;
        }
        return NULL;
}

/*
 * A place that a symlink of the image leads elsewhere goes by another name in the table, which is
 * never that of the root: nothing is mounted there again.  *ret_is_there tells whether there is
 * anything at all.
 */
static struct mount_line *find_real(struct mount_table *table, const struct tree_entry *entry,
                                    bool *ret_is_there)
{
        int no_follow = entry->flags & TREE_NO_FOLLOW ? O_NOFOLLOW : 0;
        autofd fd = open(entry->box_path, O_PATH | O_CLOEXEC | no_follow);
        char name[PATH_MAX];

        *ret_is_there = fd >= 0 || (errno != ENOENT && errno != ENOTDIR);
        if (fd < 0 || !resolve_name_of(fd, name, sizeof(name)) || str_eq(name, "/"))
                return NULL;
        return find_line(table, name);
}

static unsigned wanted_flags(const struct plan *p, const struct tree_entry *entry)
{
        const unsigned all = TREE_READ_ONLY | TREE_NO_SUID | TREE_NO_DEV | TREE_NO_EXEC;

        if (entry->kind == TREE_EMPTY)
                return all;
        if (entry->kind == TREE_OVERLAY && p->files.is_read_only)
                return (entry->flags & all) | TREE_READ_ONLY;
        return entry->flags & all;
}

static int check_entry(const struct plan *p, const struct tree_entry *entry,
                       struct mount_table *table, struct err *e)
{
        unsigned want = wanted_flags(p, entry);
        struct mount_line *line = find_line(table, entry->box_path);
        bool is_there = true;

        if (!line && entry->kind != TREE_OVERLAY)
                line = find_real(table, entry, &is_there);
        if (!line) {
                bool may_lack = (!is_there && (entry->flags & TREE_IF_EXISTS)) ||
                                (entry->kind == TREE_FILE && p->root == PLAN_ROOT_IMAGE);

                if (may_lack)
                        return 0;
                return err_set(e, EPERM, "'%s' should be a mount and is none", entry->box_path);
        }
        line->is_named = true;
        if ((line->flags & want) != want)
                return err_set(e, EPERM, "the mount '%s' lacks a flag that was asked for (%s)",
                               entry->box_path, entry->origin);
        return 0;
}

static bool is_covered(const struct tree *t, const char *point)
{
        for (size_t i = 0; i < t->n_entries; i++) {
                if (t->entries[i].kind == TREE_EMPTY && path_is_in(point, t->entries[i].box_path))
                        return true;
        }
        return false;
}

/*
 * A mount that came along with a recursive one must be as closed as that.  The host's /proc and its
 * like were looked for on the host, where one may have gone since this namespace was copied.
 */
static int check_line(const struct plan *p, const struct tree *t, const struct mount_line *line,
                      struct err *e)
{
        const struct tree_entry *owner = NULL;
        size_t best = 0;

        if (line->is_shared)
                return err_set(e, EPERM, "the mount '%s' is shared with the host", line->point);
        if (line->is_named)
                return 0;
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];
                size_t len = strlen(entry->box_path);

                if (is_mount(entry) && (entry->flags & TREE_RECURSIVE) && len >= best &&
                    path_is_in(line->point, entry->box_path)) {
                        owner = entry;
                        best = len;
                }
        }
        if (!owner)
                return err_set(e, EPERM, "there is a mount '%s' that nobody asked for",
                               line->point);
        if (special_is_host_view(line->type) && owner->kind == TREE_BIND &&
            !is_covered(t, line->point))
                return err_set(e, EPERM, "the host's %s came along at '%s'", line->type,
                               line->point);
        unsigned want = wanted_flags(p, owner);
        if ((line->flags & want) != want)
                return err_set(e, EPERM, "the mount '%s' lacks a flag of '%s' above it",
                               line->point, owner->box_path);
        return 0;
}

static int check_mounts(const struct plan *p, const struct tree *t, struct arena *a, struct err *e)
{
        autofree char *text = NULL;
        struct mount_table table = { 0 };

        if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_TABLE, &text, NULL, e) < 0 ||
            parse_table(a, text, &table, e) < 0)
                return -e->code;
        if (table.n == 0)
                return err_set(e, EPROTO, "the mount table is empty");
        table.n_open = table.n;
        /* entries and table have the same order: of several mounts at a place each gets its own */
        for (size_t i = t->n_entries; i > 0; i--) {
                const struct tree_entry *entry = &t->entries[i - 1];

                if (is_mount(entry) && check_entry(p, entry, &table, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < table.n; i++) {
                if (check_line(p, t, &table.lines[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static int differs(struct err *e)
{
        return err_prefix(e, "the sandbox is not what was asked for");
}

int audit_namespaces(const struct plan *p, const struct audit_namespaces *outer, struct err *e)
{
        return check_namespaces(p, outer, e) < 0 ? differs(e) : 0;
}

int audit_mounts(const struct plan *p, const struct tree *t, struct err *e)
{
        struct arena arena = { 0 };
        int r = check_mounts(p, t, &arena, e);

        arena_done(&arena);
        return r < 0 ? differs(e) : 0;
}
