#include "special.h"

#include "fd.h"
#include "io.h"
#include "mounts.h"
#include "path.h"
#include "place.h"
#include "resolve.h"
#include "str.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TABLE (16u << 20)

/* Returns the entry, to be told more about; NULL without an error: what is there stays. */
static struct tree_entry *cover(struct tree *t, const char *box_path, const char *origin,
                                struct err *e)
{
        struct tree_entry *entry;

        for (size_t i = 0; i < t->n_entries; i++) {
                entry = &t->entries[i];
                if (!str_eq(entry->box_path, box_path))
                        continue;
                /* a protected name can be one, too; what was asked for by --socket stays */
                if (entry->kind != TREE_PIN)
                        return NULL;
                *entry = (struct tree_entry){ .kind = TREE_EMPTY,
                                              .flags = TREE_IF_EXISTS | TREE_NO_FOLLOW,
                                              .box_path = entry->box_path,
                                              .fd = -1,
                                              .origin = origin };
                return entry;
        }
        box_path = arena_copy(&t->arena, box_path, e);
        entry = box_path ? tree_add(t, TREE_EMPTY, box_path, origin, e) : NULL;
        if (entry)
                entry->flags = TREE_IF_EXISTS | TREE_NO_FOLLOW;
        return entry;
}

/*
 * Who shares the directory may move what was found away from under its cover: then it is an error
 * that it is not there, or is something else.
 */
static int cover_found(struct tree *t, const struct walk_special *found, struct err *e)
{
        struct tree_entry *entry = cover(t, found->box_path, found->origin, e);

        if (!entry)
                return -e->code;
        entry->flags = TREE_NO_FOLLOW | (found->ino ? 0 : TREE_IF_EXISTS);
        entry->dev = found->dev;
        entry->ino = found->ino;
        return 0;
}

/* Where a host path is seen in the box, if it is: below the bind whose source is nearest to it. */
static const char *seen_at(struct tree *t, const char *host_path, struct err *e)
{
        const struct tree_entry *best = NULL;

        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->kind == TREE_BIND && path_is_in(host_path, entry->source) &&
                    (!best || strlen(entry->source) >= strlen(best->source)))
                        best = entry;
        }
        if (!best)
                return NULL;
        const char *rest = host_path + (str_eq(best->source, "/") ? 0 : strlen(best->source));
        const char *box_path = arena_print(&t->arena, e, "%s%s",
                                           str_eq(best->box_path, "/") ? "" : best->box_path, rest);
        /* a mount of ours in between hides it already */
        if (!box_path || place_owner(t, box_path) != best)
                return NULL;
        return box_path;
}

static int cover_served(struct tree *t, const char *name, struct err *e)
{
        autofd fd = open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        const char *box_path;
        char real[PATH_MAX];
        struct stat st;

        if (fd < 0 && walk_is_out_of_reach(errno))
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(e, "cannot judge the served socket '%s'", name);
        if (!S_ISSOCK(st.st_mode) || !resolve_name_of(fd, real, sizeof(real)))
                return 0;
        *e = (struct err){ .step = e->step };
        box_path = seen_at(t, real, e);
        if (!box_path)
                return -e->code;
        cover(t, box_path, "served socket", e);
        return -e->code;
}

/* Only what is bound can be seen: most sockets of a desktop lie in /run and /tmp. */
static bool may_be_seen(const struct tree *t, const char *name)
{
        const struct tree_entry *owner = place_owner(t, name);

        return owner && owner->kind == TREE_BIND;
}

/* /proc/net/unix: "Num RefCount Protocol Flags Type St Inode Path"; '@' is an abstract name. */
static int cover_all_served(struct tree *t, struct err *e)
{
        autofree char *table = NULL;
        char *at;

        if (io_read_file(AT_FDCWD, "/proc/net/unix", MAX_TABLE, &table, NULL, e) < 0)
                return err_prefix(e, "cannot look for served sockets");
        at = table;
        for (char *line = str_next_field(&at, '\n'); line; line = str_next_field(&at, '\n')) {
                char *name = strstr(line, " /");

                if (!name || !may_be_seen(t, name + 1))
                        continue;
                if (cover_served(t, name + 1, e) < 0)
                        return -e->code;
        }
        return 0;
}

bool special_is_host_view(const char *type)
{
        static const char *const types[] = { "proc", "sysfs", "devpts", "mqueue" };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                if (str_eq(type, types[i]))
                        return true;
        }
        return false;
}

/* A chroot's own /proc, say, which came along with the tree that it is in. */
static int cover_host_views(struct tree *t, struct err *e)
{
        autofree char *table = NULL;
        struct host_mount mount;
        char *at;

        if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_TABLE, &table, NULL, e) < 0)
                return err_prefix(e, "cannot look for other mounts of /proc");
        at = table;
        while (host_next_mount(&at, &mount)) {
                const char *box_path =
                        special_is_host_view(mount.type) ? seen_at(t, mount.point, e) : NULL;

                if (box_path)
                        cover(t, box_path, "the host's kernel file systems", e);
                if (e->code != 0)
                        return -e->code;
        }
        return 0;
}

int special_add(struct tree *t, const struct walk_found *found, struct err *e)
{
        for (size_t i = 0; i < found->n_specials; i++) {
                if (cover_found(t, &found->specials[i], e) < 0)
                        return -e->code;
        }
        if (cover_all_served(t, e) < 0)
                return -e->code;
        return cover_host_views(t, e);
}
