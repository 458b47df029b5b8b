#include "group-inner.h"

#include "cgroup.h"
#include "fd.h"
#include "io.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Source: Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers" and "Delegation". */

/* What engines show of each container, limited or not. */
static const char *const shown[] = { "memory", "pids", "cpu", "io" };

/* Whether a word of the text "a b c" is the first `len` bytes of `word`. */
static bool has_word(const char *text, const char *word, size_t len)
{
        for (const char *at = text; *at;) {
                size_t n = strcspn(at, " ");

                if (n == len && memcmp(at, word, len) == 0)
                        return true;
                at += n + (at[n] == ' ');
        }
        return false;
}

static void hand_down_one(int dir, const char *has, const char *controller, size_t len)
{
        struct err unused = { 0 };
        char text[64];

        if (!has_word(has, controller, len))
                return;
        snprintf(text, sizeof(text), "+%.*s", (int)len, controller);
        io_write_file(dir, "cgroup.subtree_control", text, &unused);
}

void group_hand_down(int dir, const struct bundle_group *asked)
{
        char has[512];

        if (io_read_small(dir, "cgroup.controllers", has, sizeof(has)) <= 0)
                return;
        for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
                hand_down_one(dir, has, shown[i], strlen(shown[i]));
        for (size_t i = 0; i < asked->n_lines; i++)
                hand_down_one(dir, has, asked->lines[i].file, strcspn(asked->lines[i].file, "."));
}

/* Somebody else's processes would be killed with the container. */
static int check_empty(int dir, const char *path, struct err *e)
{
        if (!group_has_event(dir, "populated"))
                return 0;
        return err_set(e, EBUSY, "the cgroup '%s' has processes already", path);
}

static int fail_make(const char *path, bool is_asked, struct err *e)
{
        if (err_sys(e, "cannot make the cgroup '%s'", path) != -EACCES && e->code != EPERM)
                return -e->code;
        if (!is_asked)
                return -e->code;
        err_prefix(e, "linux.cgroupsPath");
        return err_hint(e, "without root it has to lie in what was delegated to you; "
                           "--systemd-cgroup asks your systemd for it");
}

/* Makes each cgroup of the clean `path` below `top`, which is taken; *ret is the last one. */
static int make_each(int *top, const char *path, const struct bundle_group *asked, int *ret,
                     struct err *e)
{
        autofd at = fd_take(top);
        char name[256];

        for (const char *next = path; *next;) {
                size_t len = strcspn(++next, "/");

                if (len >= sizeof(name))
                        return err_set(e, ENAMETOOLONG, "linux.cgroupsPath: '%.60s...' is too long",
                                       next);
                snprintf(name, sizeof(name), "%.*s", (int)len, next);
                next += len;
                group_hand_down(at, asked);
                if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
                        return fail_make(path, true, e);
                int below = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (below < 0)
                        return err_sys(e, "cannot open the cgroup '%s'", path);
                fd_close(&at);
                at = below;
        }
        *ret = fd_take(&at);
        return 0;
}

/* One that is there may be somebody else's, who must not lose it because we were killed. */
static int keep_if_new(const struct group_keeper *keeper, int dir, const char *name,
                       const char *path, struct err *e)
{
        if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return keeper->keep(keeper->user, path, e);
}

static int make_asked(const struct bundle *b, const struct group_keeper *keeper, struct group *ret,
                      struct err *e)
{
        struct arena arena = { 0 };
        autofd top = -1;
        const char *path = path_clean(&arena, "/", b->group.path, e);

        if (path && str_eq(path, "/"))
                err_set(e, EINVAL, "linux.cgroupsPath: '%s' is the cgroup of all", b->group.path);
        if (e->code == 0 && group_open_path("", &top, e) == 0 &&
            keep_if_new(keeper, top, path + 1, path, e) == 0 &&
            make_each(&top, path, &b->group, &ret->dir, e) == 0 &&
            check_empty(ret->dir, path, e) == 0) {
                ret->path = strdup(path);
                if (!ret->path)
                        err_set(e, ENOMEM, "out of memory");
        }
        arena_done(&arena);
        if (e->code != 0)
                fd_close(&ret->dir);
        return -e->code;
}

/* ------ where nothing was asked for ------ */

/* Cheap, for it is looked at before each container: whether anything can be ours. */
static bool may_have_place(void)
{
        char text[PATH_MAX];
        char path[PATH_MAX + 64];

        if (io_read_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) <= 0)
                return false;
        const char *own = str_has_prefix(text, "0::/") ? text : strstr(text, "\n0::/");
        if (!own)
                return false;
        own = strchr(own, '/');
        int len = (int)strcspn(own, "\n");
        snprintf(path, sizeof(path), GROUP_MOUNT "%.*s/cgroup.procs", len, own);
        if (access(path, W_OK) == 0)
                return true;
        while (len > 0 && own[--len] != '/')
                ;
        snprintf(path, sizeof(path), GROUP_MOUNT "%.*s/cgroup.procs", len, own);
        return access(path, W_OK) == 0;
}

static int find_place(struct cgroup_place *ret, struct err *e)
{
        struct host_view view;

        ret->dir[0] = '\0';
        if (!may_have_place())
                return 0;
        if (host_view_open(&view, "/", e) < 0)
                return -e->code;
        cgroup_find_place(&view, 0, ret);
        host_view_done(&view);
        return 0;
}

static int make_in(const struct cgroup_place *place, const struct bundle *b, const char *id,
                   const struct group_keeper *keeper, struct group *ret, struct err *e)
{
        autofd parent = -1;
        char *path = NULL;

        if (asprintf(&path, "%s/oci-%s", place->dir + strlen(GROUP_MOUNT), id) < 0)
                return err_set(e, ENOMEM, "out of memory");
        ret->path = path;
        if (cgroup_open_place(place, place->controllers, &parent, e) < 0)
                return -e->code;
        group_hand_down(parent, &b->group);
        const char *name = strrchr(path, '/') + 1;
        if (keep_if_new(keeper, parent, name, path, e) < 0)
                return -e->code;
        if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
                return fail_make(path, false, e);
        ret->dir = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (ret->dir < 0)
                return err_sys(e, "cannot open the cgroup '%s'", path);
        return check_empty(ret->dir, path, e);
}

int group_make_named(const struct bundle *b, const char *id, const struct group_keeper *keeper,
                     struct group *ret, struct err *e)
{
        struct cgroup_place place;

        if (b->group.path && b->group.path[0])
                return make_asked(b, keeper, ret, e);
        if (find_place(&place, e) < 0)
                return -e->code;
        if (!str_has_prefix(place.dir, GROUP_MOUNT "/"))
                return 0;
        if (make_in(&place, b, id, keeper, ret, e) < 0)
                fd_close(&ret->dir);
        return -e->code;
}
