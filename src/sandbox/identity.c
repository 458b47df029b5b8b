#include "identity.h"

#include "fd.h"
#include "io.h"
#include "parse.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (1u << 20)

/* A file of the root, which an image may have made a fifo, a device or a symlink to anywhere. */
static int read_root_file(const char *path, char **ret, struct err *e)
{
        autofd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (root < 0)
                return err_sys(e, "cannot open '/'");
        autofd fd = resolve_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0) {
                int code = -fd;

                return err_set(e, code, "cannot open '/%s' of the sandbox: %s", path,
                               err_name(code));
        }
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '/%s' of the sandbox", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, EINVAL, "'/%s' of the sandbox is not a regular file", path);
        return io_read_all(fd, MAX_FILE, path, ret, NULL, e);
}

struct passwd_line {
        const char *name;
        uint64_t uid;
        uint64_t gid;
        const char *home;
};

static bool parse_id(const char *text, uint64_t *ret)
{
        struct err unused = { 0 };

        return text && parse_number(text, 0, UINT32_MAX - 1, ret, &unused) == 0;
}

/* "name:password:uid:gid:gecos:home:shell"; source: passwd(5). */
static bool parse_passwd(char *line, struct passwd_line *ret)
{
        ret->name = str_next_field(&line, ':');
        str_next_field(&line, ':');
        if (!parse_id(str_next_field(&line, ':'), &ret->uid) ||
            !parse_id(str_next_field(&line, ':'), &ret->gid))
                return false;
        str_next_field(&line, ':');
        ret->home = str_next_field(&line, ':');
        return ret->name && ret->home;
}

/* Finds a user by name, or by number when `name` is NULL. */
static bool find_user(char *text, const char *name, uid_t uid, struct passwd_line *ret)
{
        for (char *line = str_next_field(&text, '\n'); line; line = str_next_field(&text, '\n')) {
                if (parse_passwd(line, ret) && (name ? str_eq(ret->name, name) : ret->uid == uid))
                        return true;
        }
        return false;
}

static bool is_listed(char *members, const char *user)
{
        for (char *m = str_next_field(&members, ','); m; m = str_next_field(&members, ',')) {
                if (str_eq(m, user))
                        return true;
        }
        return false;
}

/* Takes the group `name` as the gid if it is asked for, and the groups that list `user`. */
static bool scan_groups(char *text, const char *name, const char *user, struct identity *id)
{
        bool found = !name;

        for (char *line = str_next_field(&text, '\n'); line; line = str_next_field(&text, '\n')) {
                const char *group = str_next_field(&line, ':');
                uint64_t gid;

                str_next_field(&line, ':');
                if (!parse_id(str_next_field(&line, ':'), &gid))
                        continue;
                if (name && !found && str_eq(group, name)) {
                        id->gid = (gid_t)gid;
                        found = true;
                }
                if (user && line && id->n_groups < IDENTITY_MAX_GROUPS && is_listed(line, user))
                        id->groups[id->n_groups++] = (gid_t)gid;
        }
        return found;
}

static int find_groups(const struct plan_user *user, const char *user_name, struct identity *id,
                       struct err *e)
{
        autofree char *text = NULL;

        if (!user->group && (!user_name || user->has_gid || !id->can_set_groups))
                return 0;
        if (read_root_file("etc/group", &text, e) < 0) {
                if (!user->group && e->code == ENOENT) {
                        *e = (struct err){ .step = e->step };
                        return 0;
                }
                return -e->code;
        }
        if (scan_groups(text, user->group, user->has_gid ? NULL : user_name, id))
                return 0;
        err_set(e, EINVAL, "there is no group '%s' in the sandbox", user->group);
        return err_hint(e, "its /etc/group has the names; a number is looked up nowhere");
}

static int find_in_passwd(const struct plan_user *user, struct identity *id, struct err *e)
{
        autofree char *text = NULL;
        struct passwd_line line;

        if (read_root_file("etc/passwd", &text, e) < 0) {
                if (user->name || e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                return find_groups(user, NULL, id, e);
        }
        if (!find_user(text, user->name, user->uid, &line)) {
                if (!user->name)
                        return find_groups(user, NULL, id, e);
                err_set(e, EINVAL, "there is no user '%s' in the sandbox", user->name);
                return err_hint(e, "its /etc/passwd has the names; a number is looked up nowhere");
        }
        id->uid = (uid_t)line.uid;
        if (!user->has_gid && !user->group)
                id->gid = (gid_t)line.gid;
        if (strlen(line.home) < sizeof(id->home) && line.home[0] == '/')
                memcpy(id->home, line.home, strlen(line.home) + 1);
        return find_groups(user, line.name, id, e);
}

static int check_mapped(const struct plan *p, const struct id_maps *maps, const struct identity *id,
                        struct err *e)
{
        bool has_uid = id_map_has(&maps->uids, id->uid);

        if (has_uid && id_map_has(&maps->gids, id->gid))
                return 0;
        err_set(e, EINVAL, "%s %u has no id on the host to stand for it",
                has_uid ? "group" : "user", has_uid ? id->gid : id->uid);
        if (p->root == PLAN_ROOT_HOST)
                return err_hint(e, "leave --user out: a view of this host has your own id alone");
        if (!maps->by_helper)
                return err_hint(e, "one id is mapped; kelp run --userns subids brings your "
                                   "subordinate ones");
        return err_hint(e, "yours are as many as /etc/subuid and /etc/subgid say, and one more");
}

int identity_find(const struct plan *p, const struct id_maps *maps, struct identity *ret,
                  struct err *e)
{
        const struct plan_user *user = &p->ids.user;
        bool is_plain = p->root == PLAN_ROOT_HOST && !user->name && !user->group && user->has_gid;

        ret->uid = user->uid;
        ret->gid = user->has_gid ? user->gid : 0;
        ret->can_set_groups = maps->by_helper;
        if (!is_plain && find_in_passwd(user, ret, e) < 0)
                return -e->code;
        return check_mapped(p, maps, ret, e);
}
