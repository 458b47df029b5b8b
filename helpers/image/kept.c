#include "kept.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "output.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_KEPT 100000

/* On its way out: no sandbox has such a name. */
#define GONE ".gone-"

/* ENOENT when nothing was ever kept. */
static int open_parent(const struct store *store, struct err *e)
{
        int fd = openat(store->dir, "../kept", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? err_sys(e, "cannot open the directory of the kept sandboxes") : fd;
}

/* ------ names ------ */

struct name_list {
        struct arena arena;
        const char **items; /* NULL-terminated once it was read */
        size_t n;
};

static int add_name(void *context, const char *name, struct err *e)
{
        struct name_list *list = context;

        if (name && name[0] == '.')
                return 0;
        if (arena_grow(&list->arena, &list->items, list->n, sizeof(*list->items), MAX_KEPT,
                       "kept sandboxes", e) < 0)
                return -e->code;
        list->items[list->n] = name ? arena_copy(&list->arena, name, e) : NULL;
        if (name && !list->items[list->n])
                return -e->code;
        list->n += name != NULL;
        return 0;
}

static int list_names(int parent, struct name_list *ret, struct err *e)
{
        if (store_list(parent, add_name, ret, e) < 0)
                return -e->code;
        return add_name(ret, NULL, e);
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void hint_names(struct name_list *list, const char *name, struct err *e)
{
        /* a letter or two are near to every other: for a removal that is no guess to make */
        const char *nearest = strlen(name) > 2 ? str_nearest(name, list->items) : NULL;
        char text[300] = "";
        size_t used = 0;

        if (nearest) {
                err_hint(e, "did you mean '%s'", nearest);
                return;
        }
        qsort(list->items, list->n, sizeof(*list->items), compare);
        for (size_t i = 0; i < list->n && used < sizeof(text); i++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", list->items[i]);
        err_hint(e, "these are:%s%s", text, used < sizeof(text) ? "" : " ...");
}

static int unknown(int parent, const char *name, struct err *e)
{
        struct name_list list = { 0 };
        struct err unused = { 0 };

        err_set(e, ENOENT, "no sandbox '%.100s' is kept", name);
        err_hint(e, "kelp run --keep --name NAME IMAGE keeps one");
        if (parent >= 0 && list_names(parent, &list, &unused) == 0 && list.n > 0)
                hint_names(&list, name, e);
        arena_done(&list.arena);
        return -ENOENT;
}

/* ------ one of them ------ */

static int check_owner(const struct store *store, int dir, const char *name, struct err *e)
{
        const char *slash = strrchr(store->path, '/');
        struct stat st;

        if (fstat(dir, &st) < 0)
                return err_sys(e, "cannot stat the sandbox '%s'", name);
        if (st.st_uid == geteuid() && !(st.st_mode & 077))
                return 0;
        err_set(e, EPERM, "the directory of the sandbox '%s' is not yours alone", name);
        if (st.st_uid != geteuid() || !slash)
                return -e->code;
        return err_hint(e, "chmod 700 '%.*s/kept/%s'", (int)(slash - store->path), store->path,
                        name);
}

static int in_use(int lock, const char *name, struct err *e)
{
        char text[16];
        ssize_t n = pread(lock, text, sizeof(text) - 1, 0);
        uint64_t pid = 0;
        struct err unused = { 0 };

        text[n > 0 ? n : 0] = '\0';
        if (parse_number(text, 1, INT_MAX, &pid, &unused) < 0)
                return err_set(e, EBUSY, "the sandbox '%s' is in use", name);
        return err_set(e, EBUSY, "the sandbox '%s' is in use by process %d", name, (int)pid);
}

static int take_lock(int dir, const char *name, struct err *e)
{
        autofd fd = openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        char pid[16];

        if (fd < 0)
                return err_sys(e, "cannot open the lock of the sandbox '%s'", name);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? in_use(fd, name, e)
                                            : err_sys(e, "cannot lock the sandbox '%s'", name);
        int len = snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len)
                return err_sys(e, "cannot lock the sandbox '%s'", name);
        return fd_take(&fd);
}

/*
 * The lock may have come late: after another process has removed what was opened, and the name
 * went to a new sandbox, which is not the one that was meant.
 */
static int check_still_there(const struct kept *k, const char *name, struct err *e)
{
        struct stat opened;
        struct stat now;

        if (fstat(k->dir, &opened) < 0)
                return err_sys(e, "cannot stat the sandbox '%s'", name);
        if (fstatat(k->parent, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? unknown(k->parent, name, e)
                                       : err_sys(e, "cannot stat the sandbox '%s'", name);
        if (opened.st_ino == now.st_ino && opened.st_dev == now.st_dev)
                return 0;
        return err_set(e, EBUSY, "the sandbox '%s' was removed and made anew meanwhile", name);
}

int kept_open(const struct store *store, const char *name, struct kept *ret, struct err *e)
{
        ret->parent = open_parent(store, e);
        if (ret->parent < 0 && e->code != ENOENT)
                return -e->code;
        if (ret->parent < 0 || name[0] == '.' || !*name || strchr(name, '/') ||
            strlen(name) > KEPT_NAME_MAX)
                return unknown(ret->parent, name, e);
        ret->dir = openat(ret->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (ret->dir < 0 && errno == ENOENT)
                return unknown(ret->parent, name, e);
        if (ret->dir < 0)
                return err_sys(e, "cannot open the sandbox '%s'", name);
        if (check_owner(store, ret->dir, name, e) < 0)
                return -e->code;
        ret->lock = take_lock(ret->dir, name, e);
        return ret->lock < 0 ? -e->code : check_still_there(ret, name, e);
}

void kept_done(struct kept *k)
{
        fd_close(&k->parent);
        fd_close(&k->dir);
        fd_close(&k->lock);
}

/* ------ removal ------ */

struct gone {
        const struct store *store;
        int parent;
};

static int erase_gone(void *context, const char *name, struct err *e)
{
        const struct gone *gone = context;
        int parent = gone->parent;

        if (!str_has_prefix(name, GONE))
                return 0;
        autofd dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0 && errno == ENOENT)
                return 0;
        /* somebody else is at it */
        if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? 0 : err_sys(e, "cannot lock '%.100s'", name);
        return gone->store->remove(gone->store, parent, name, e);
}

static int rename_away(const struct kept *k, const char *name, struct err *e)
{
        char gone[sizeof(GONE) + 16];
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return err_sys(e, "cannot get a random number");
        snprintf(gone, sizeof(gone), GONE "%016llx", (unsigned long long)random);
        if (renameat2(k->parent, name, k->parent, gone, RENAME_NOREPLACE) < 0)
                return err_sys(e, "cannot remove the sandbox '%s'", name);
        return 0;
}

static int open_all(const struct store *store, char *const *names, size_t n, struct kept *kept,
                    struct err *e)
{
        for (size_t i = 0; i < n; i++)
                kept[i] = (struct kept)KEPT_NONE;
        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < i; j++) {
                        if (str_eq(names[i], names[j]))
                                return err_set(e, EINVAL, "'%.100s' is named twice", names[i]);
                }
                if (kept_open(store, names[i], &kept[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

static int remove_all(const struct store *store, const struct kept *kept, char *const *names,
                      size_t n, FILE *out, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (rename_away(&kept[i], names[i], e) < 0)
                        return -e->code;
                fprintf(out, "removed: %s\n", names[i]);
        }
        struct err unsaid = { 0 };
        output_finish(out, "the removal is done, but it cannot be printed", &unsaid);
        /* with what earlier removals have left that were cut short */
        struct gone gone = { store, kept[0].parent };
        if (store_list(gone.parent, erase_gone, &gone, e) < 0)
                return -e->code;
        *e = unsaid;
        return -e->code;
}

int kept_remove(const struct store *store, char *const *names, size_t n, FILE *out, struct err *e)
{
        autofree struct kept *kept = mem_alloc(n * sizeof(*kept), e);

        if (!kept)
                return -e->code;
        int r = open_all(store, names, n, kept, e);
        if (r == 0)
                r = remove_all(store, kept, names, n, out, e);
        for (size_t i = 0; i < n; i++)
                kept_done(&kept[i]);
        return r;
}

/* ------ what they need ------ */

struct need {
        int parent;
        const struct digest *image;
        const char *name;
};

static int check_one(void *context, const char *name, struct err *e)
{
        const struct need *need = context;
        autoimage image = { 0 };
        char file[NAME_MAX + 16];

        if (name[0] == '.')
                return 0;
        snprintf(file, sizeof(file), "%s/image", name);
        if (store_read_image(need->parent, file, &image, e) < 0) {
                /* it belongs to a plain directory, or was not begun */
                if (e->code != ENOENT && e->code != ENOTDIR)
                        return err_prefix(e, "the sandbox '%s'", name);
                *e = (struct err){ 0 };
                return 0;
        }
        if (!digest_is_same(&image.id, need->image))
                return 0;
        err_set(e, EBUSY, "the image '%s' is in use by the sandbox '%s', which is kept", need->name,
                name);
        return err_hint(e, "`kelp rm %s` removes it", name);
}

int kept_check_image(const struct store *store, const struct digest *image, const char *name,
                     struct err *e)
{
        struct need need = { .parent = open_parent(store, e), .image = image, .name = name };
        autofd parent = need.parent;

        if (parent < 0 && e->code != ENOENT)
                return -e->code;
        if (parent >= 0)
                return store_list(parent, check_one, &need, e);
        *e = (struct err){ 0 };
        return 0;
}
