#include "names.h"

#include "fd.h"
#include "io.h"
#include "path.h"
#include "place.h"
#include "resolv.h"
#include "resolve.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NAMES_FILE (1u << 20)

static int add_file(struct tree *t, const char *path, const char *text, unsigned flags,
                    struct err *e)
{
        const struct tree_entry *owner = place_owner(t, path);
        struct tree_entry *entry;

        /* who hides the place has no use for what would be there */
        if (owner && owner->kind == TREE_EMPTY)
                return 0;
        entry = tree_add(t, TREE_FILE, path, "names", e);
        if (!entry)
                return -e->code;
        entry->source = text;
        entry->mode = 0644;
        entry->flags = flags | TREE_NO_SUID | TREE_NO_DEV | TREE_READ_ONLY;
        return 0;
}

/* The target of a dangling symlink of the host, like one into /run/systemd/resolve. */
static const char *dangling_target(struct tree *t, const char *path, struct err *e)
{
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        const char *dir;

        if (n <= 0) {
                err_set(e, ENOENT, "there is no '%s' to put the sandbox's own on", path);
                err_hint(e, "create an empty '%s'", path);
                return NULL;
        }
        target[n] = '\0';
        dir = path_parent(&t->arena, path, e);
        return dir ? path_clean(&t->arena, dir, target, e) : NULL;
}

/* Sets `text` on what `path` leads to on the host. */
static int add_over_host(struct tree *t, const char *path, const char *text, struct err *e)
{
        struct source at = { .fd = -1 };
        const char *real;

        if (resolve_source(&t->arena, path, &at, e) == 0) {
                fd_close(&at.fd);
                real = at.path;
        } else {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                real = dangling_target(t, path, e);
                if (!real)
                        return -e->code;
        }
        if (place_make_parents(t, real, "names", e) < 0)
                return -e->code;
        unsigned flags = place_is_ours(t, real) ? TREE_IN_OWN_TMPFS : 0;
        return add_file(t, real, text, flags, e);
}

static int host_resolv_conf(struct arena *a, const char **ret, struct err *e)
{
        autofree char *text = NULL;

        if (io_read_file(AT_FDCWD, "/etc/resolv.conf", MAX_NAMES_FILE, &text, NULL, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                *ret = "";
                return 0;
        }
        *ret = arena_copy(a, text, e);
        return *ret ? 0 : -e->code;
}

/* Whether the colon-separated file `text` has a line whose third field is `id`. */
static bool has_id(const char *text, unsigned id)
{
        char want[16];

        snprintf(want, sizeof(want), "%u:", id);
        while (*text) {
                const char *field = text;

                for (int i = 0; i < 2 && field; i++) {
                        field += strcspn(field, ":\n");
                        field = *field == ':' ? field + 1 : NULL;
                }
                if (field && str_has_prefix(field, want))
                        return true;
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
        return false;
}

/* A user that the host knows by other means than its files would have no name inside. */
static int add_host_user(const struct plan *p, struct tree *t, struct err *e)
{
        autofree char *passwd = NULL;
        const char *name = p->ids.user_name ? p->ids.user_name : "user";
        unsigned uid = p->ids.base_uid;
        unsigned gid = p->ids.base_gid;

        if (io_read_file(AT_FDCWD, "/etc/passwd", MAX_NAMES_FILE, &passwd, NULL, e) < 0)
                return -e->code;
        if (has_id(passwd, uid))
                return 0;
        char *text = arena_print(&t->arena, e, "%s%s:x:%u:%u::%s:/bin/sh\n", passwd, name, uid, gid,
                                 p->files.home ? p->files.home : "/");
        return text ? add_over_host(t, "/etc/passwd", text, e) : -e->code;
}

/* The host's own name is not told; where it has no such file there is none inside either. */
static int add_host_name(const struct plan *p, struct tree *t, struct err *e)
{
        char *text;

        if (access("/etc/hostname", F_OK) < 0)
                return errno == ENOENT ? 0 : err_sys(e, "cannot look for '/etc/hostname'");
        text = arena_print(&t->arena, e, "%s\n", p->net.host_name);
        return text ? add_over_host(t, "/etc/hostname", text, e) : -e->code;
}

/* A list that blocks half of the internet is left as it is: all of it would go through a socket. */
#define MAX_HOSTS_FILE (256u << 10)

static const char own_hosts[] = "127.0.0.1 localhost\n"
                                "::1 localhost ip6-localhost ip6-loopback\n";

/*
 * In a filtered network a name is what is allowed, and the proxy looks it up on the host, in the
 * host's file, too: an address from there would be one without a way to it.
 */
static int add_filtered_hosts(const struct plan *p, struct tree *t, struct err *e)
{
        char *text = hosts_text(p, own_hosts, &t->arena, e);

        if (!text)
                return -e->code;
        if (access("/etc/hosts", F_OK) < 0 && errno == ENOENT && p->net.n_hosts == 0)
                return 0;
        return add_over_host(t, "/etc/hosts", text, e);
}

/*
 * The host's own lines, and the name that the sandbox goes by: programs look themselves up.  A host
 * that has no such file, or one that is out of reach, has none inside either.
 */
static int add_host_hosts(const struct plan *p, struct tree *t, struct err *e)
{
        autofree char *host = NULL;

        if (p->net.mode == PLAN_NETWORK_FILTERED)
                return add_filtered_hosts(p, t, e);
        if (io_read_file(AT_FDCWD, "/etc/hosts", MAX_HOSTS_FILE, &host, NULL, e) < 0) {
                bool is_there = e->code != ENOENT && e->code != EACCES && e->code != EFBIG;

                if (is_there || p->net.n_hosts > 0)
                        return err_prefix(e, "cannot add to the host's names");
                *e = (struct err){ .step = e->step };
                return 0;
        }
        char *text = hosts_text(p, host, &t->arena, e);
        return text ? add_over_host(t, "/etc/hosts", text, e) : -e->code;
}

static int add_host_names(const struct plan *p, struct tree *t, struct err *e)
{
        if (add_host_user(p, t, e) < 0 || add_host_name(p, t, e) < 0)
                return -e->code;
        if (p->net.mode != PLAN_NETWORK_NONE || p->net.n_dns > 0 || p->report.explains) {
                const char *host;

                if (host_resolv_conf(&t->arena, &host, e) < 0)
                        return -e->code;
                char *text = resolv_text(p, host, &t->arena, e);
                if (!text || add_over_host(t, "/etc/resolv.conf", text, e) < 0)
                        return -e->code;
        }
        return add_host_hosts(p, t, e);
}

static const char image_passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                                   "nobody:x:65534:65534:nobody:/:/bin/false\n";
static const char image_group[] = "root:x:0:\nnobody:x:65534:\n";

static int add_image_names(const struct plan *p, struct tree *t, struct err *e)
{
        const char *host = "";

        if ((p->net.mode != PLAN_NETWORK_NONE || p->report.explains) &&
            host_resolv_conf(&t->arena, &host, e) < 0)
                return -e->code;
        char *resolv = resolv_text(p, host, &t->arena, e);
        char *hosts = resolv ? hosts_text(p, own_hosts, &t->arena, e) : NULL;
        char *name = hosts ? arena_print(&t->arena, e, "%s\n", p->net.host_name) : NULL;

        if (!name || add_file(t, "/etc/resolv.conf", resolv, 0, e) < 0 ||
            add_file(t, "/etc/hosts", hosts, 0, e) < 0 ||
            add_file(t, "/etc/hostname", name, 0, e) < 0 ||
            add_file(t, "/etc/passwd", image_passwd, TREE_IF_ABSENT, e) < 0 ||
            add_file(t, "/etc/group", image_group, TREE_IF_ABSENT, e) < 0)
                return -e->code;
        return 0;
}

/*
 * apt gives the work with the network to a user of its own, and looks whether that came about: a
 * setresuid(2) that only says so is an error to it.  Files there are read in their order, and the
 * last one counts.  Source: apt.conf(5), APT::Sandbox::User.
 */
static int add_apt_user(struct tree *t, struct err *e)
{
        size_t n = t->n_entries;

        if (add_file(t, "/etc/apt/apt.conf.d/99kelp-fake-root", "APT::Sandbox::User \"root\";\n",
                     TREE_IF_PARENT, e) < 0)
                return -e->code;
        if (t->n_entries > n)
                t->entries[n].origin = "fake root";
        return 0;
}

int names_add(const struct plan *p, bool fakes_root, struct tree *t, struct err *e)
{
        int r = p->root == PLAN_ROOT_HOST ? add_host_names(p, t, e) : add_image_names(p, t, e);

        if (r == 0 && fakes_root)
                r = add_apt_user(t, e);
        return r;
}
