#include "subids.h"

#include "erase.h"
#include "fd.h"
#include "holder.h"
#include "io.h"
#include "jail.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAP_FILE "subids.map"

int subids_read(const struct store *store, struct id_maps *ret, bool *ret_has, struct err *e)
{
        autofree char *text = NULL;

        *ret_has = false;
        if (io_read_file(store->dir, MAP_FILE, ID_MAPS_TEXT_MAX, &text, NULL, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ 0 };
                return 0;
        }
        if (id_maps_parse(text, ret, e) < 0)
                return err_prefix(e, "'" MAP_FILE "' in the image store is damaged");
        *ret_has = true;
        return 0;
}

/* ------ removal ------ */

static _Noreturn void remove_main(int dir, const char *name, int report, int parent)
{
        struct err e = { 0 };
        struct err unused = { 0 };

        if (proc_die_with(parent, &e) == 0)
                erase_tree(dir, name, &e);
        io_send(report, &e, sizeof(e), NULL, 0, &unused);
        _exit(0);
}

/* In the namespace root may do everything to what belongs to an id of it. */
static int remove_inside(const struct id_maps *maps, int dir, const char *name, struct err *e)
{
        autofd self = proc_pidfd(getpid(), e);
        autochild child = CHILD_NONE;
        bool has_namespaces;
        struct err theirs;
        autofd ours = -1;
        autofd report = -1;

        if (self < 0 || fd_socketpair(&ours, &report, e) < 0)
                return -e->code;
        int r = jail_fork(maps, false, &child, &has_namespaces, e);
        if (r < 0)
                return r;
        if (r > 0)
                remove_main(dir, name, report, self);
        fd_close(&report);
        ssize_t n = io_receive(ours, &theirs, sizeof(theirs), NULL, 0, NULL, e);
        if (n < 0)
                return -e->code;
        if (n != sizeof(theirs))
                return err_set(e, EIO, "the process that removes '%.100s' was ended", name);
        *e = theirs;
        return -e->code;
}

bool subids_is_refusal(const struct err *e)
{
        return e->code == EACCES || e->code == EPERM || e->code == SUBIDS_ERROR;
}

int subids_hint_removal(const struct store *store, int dir, const char *name, struct err *e)
{
        char link[64];
        char path[256];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, path, sizeof(path) - 1);
        if (n < 0 || (size_t)n == sizeof(path) - 1)
                return -e->code;
        path[n] = '\0';
        if (store->ids)
                return err_hint(e, "as root: rm -r '%s/%.100s'", path, name);
        return err_hint(e,
                        "`kelp doctor` tells what your subordinate ids lack; or as root: "
                        "rm -r '%s/%.100s'",
                        path, name);
}

/* With the maps of the store, where those that the user has now are not known or do not do. */
static int remove_with_map(const struct store *store, int dir, const char *name, struct err *e)
{
        autofree struct id_maps *maps = mem_alloc(sizeof(*maps), e);
        struct err unused = { 0 };
        bool has_maps = false;

        if (!maps)
                return -e->code;
        /* a damaged one is as good as none */
        if (subids_read(store, maps, &has_maps, &unused) < 0 || !has_maps ||
            (store->ids && id_maps_contain(store->ids, maps)))
                return -e->code;
        struct err why = *e;
        *e = (struct err){ 0 };
        if (remove_inside(maps, dir, name, e) < 0 && subids_is_refusal(e) && store->ids)
                *e = why;
        return -e->code;
}

int subids_remove_tree(const struct store *store, int dir, const char *name, struct err *e)
{
        int r = erase_tree(dir, name, e);

        if (r < 0 && subids_is_refusal(e) && store->ids) {
                *e = (struct err){ 0 };
                r = remove_inside(store->ids, dir, name, e);
        }
        if (r < 0 && subids_is_refusal(e))
                r = remove_with_map(store, dir, name, e);
        if (r < 0 && subids_is_refusal(e))
                subids_hint_removal(store, dir, name, e);
        return r;
}

/* ------ other maps ------ */

struct reset {
        const struct store *store;
        const struct session *session;
        bool only_look;
};

static int reset_one(void *context, const char *name, struct err *e)
{
        const struct reset *r = context;
        int layers = r->store->layers[STORE_SUBIDS];
        char holder[HOLDER_MAX];

        if (!r->only_look)
                return session_take(r->session, layers, name, e) < 0
                               ? -e->code
                               : session_take(r->session, r->store->records[STORE_SUBIDS], name, e);
        autofd fd = openat(layers, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
                return err_set(e, EBUSY,
                               "your subordinate ids have changed, and layers with the old ones "
                               "are in use by %s",
                               holder_find(fd, holder, sizeof(holder)));
        return 0;
}

/* They are removed before the old maps are forgotten, or where none tell whose they are. */
static int reset(const struct store *store, const struct session *session, struct err *e)
{
        struct reset look = { store, session, true };
        struct reset take = { store, session, false };
        int layers = store->layers[STORE_SUBIDS];

        if (store_list(layers, reset_one, &look, e) < 0 ||
            store_list(layers, reset_one, &take, e) < 0)
                return -e->code;
        if (subids_remove_tree(store, session->dir, "gone", e) < 0) {
                err_prefix(e, "cannot remove layers that belong to your former subordinate ids");
                return err_hint(e, "as root: rm -r '%.200s/unpacked/subids' '%.200s/tmp'",
                                store->path, store->path);
        }
        return 0;
}

int subids_take(const struct store *store, const struct session *session,
                const struct id_maps *maps, struct err *e)
{
        autofree struct id_maps *old = mem_alloc(sizeof(*old), e);
        autofree char *text = mem_alloc(ID_MAPS_TEXT_MAX, e);
        autofree char *old_text = mem_alloc(ID_MAPS_TEXT_MAX, e);
        bool has_old = false;

        if (!old || !text || !old_text || subids_read(store, old, &has_old, e) < 0)
                return -e->code;
        id_maps_print(maps, text, ID_MAPS_TEXT_MAX);
        if (has_old)
                id_maps_print(old, old_text, ID_MAPS_TEXT_MAX);
        if (str_eq(text, old_text))
                return 0;
        if ((!has_old || !id_maps_contain(maps, old)) && reset(store, session, e) < 0)
                return -e->code;
        return store_write(session->dir, store->dir, MAP_FILE, text, e);
}

static int find_any(void *context, const char *name, struct err *e)
{
        bool *ret_has = context;

        (void)name;
        (void)e;
        *ret_has = true;
        return 0;
}

int subids_forget(const struct store *store, struct err *e)
{
        autofd lock = store_lock(store, e);
        bool has_any = false;

        if (lock < 0 ||
            (store->layers[STORE_SUBIDS] >= 0 &&
             store_list(store->layers[STORE_SUBIDS], find_any, &has_any, e) < 0) ||
            store_list(store->tmp, find_any, &has_any, e) < 0)
                return -e->code;
        if (!has_any && unlinkat(store->dir, MAP_FILE, 0) < 0 && errno != ENOENT)
                return err_sys(e, "cannot remove '" MAP_FILE "' in the image store");
        return 0;
}
