#include "store.h"

#include "fd.h"
#include "io.h"
#include "limit.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
const char store_empty_index[] = "{\"schemaVersion\":2,\"manifests\":[]}";

/* ------ opening ------ */

static int open_subdirectory(int dir, const char *name, bool create, struct err *e)
{
        if (create && mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make '%s' in the image store", name);
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot open '%s' in the image store", name);
        return fd;
}

static int open_nested(int dir, const char *outer, const char *inner, bool create, struct err *e)
{
        autofd fd = open_subdirectory(dir, outer, create, e);

        return fd < 0 ? fd : open_subdirectory(fd, inner, create, e);
}

static int check_owner(int dir, const char *path, struct err *e)
{
        struct stat st;

        if (fstat(dir, &st) < 0)
                return err_sys(e, "cannot stat the image store '%s'", path);
        if (st.st_uid != geteuid())
                return err_set(e, EPERM, "the image store '%s' belongs to another user (%u)", path,
                               st.st_uid);
        if (st.st_mode & 077) {
                err_set(e, EPERM, "the image store '%s' is open to others (mode %03o)", path,
                        st.st_mode & 0777);
                return err_hint(e, "chmod 700 '%s'", path);
        }
        return 0;
}

/* Missing parents are made as the XDG base directory specification says: for the user alone. */
static int make_parents(const char *path, struct err *e)
{
        char part[PATH_MAX];

        if (strlen(path) >= sizeof(part))
                return err_set(e, ENAMETOOLONG, "the path of the image store is too long");
        for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                memcpy(part, path, (size_t)(slash - path));
                part[slash - path] = '\0';
                if (mkdir(part, 0700) < 0 && errno != EEXIST)
                        return err_sys(e, "cannot make '%s'", part);
        }
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make the image store '%s'", path);
        return 0;
}

static int make_file(const struct store *store, const char *name, const char *text, struct err *e)
{
        struct stat st;

        if (fstatat(store->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return store_write(store->tmp, store->dir, name, text, e);
}

/*
 * Of what a store always has, absence is ENOENT without `create`.  The rest is made in any case, and
 * a store that lacks it and cannot be written to is as good as one where it is empty.
 */
static int open_mode(struct store *store, enum store_mode mode, bool create, struct err *e)
{
        static const char *const names[] = { [STORE_SINGLE] = "single", [STORE_SUBIDS] = "subids" };
        bool is_basic = mode == STORE_SINGLE;

        store->layers[mode] =
                open_nested(store->dir, "unpacked", names[mode], create || !is_basic, e);
        if (store->layers[mode] < 0 && (is_basic || !store_is_read_only(e)))
                return -e->code;
        store->records[mode] = open_nested(store->dir, "records", names[mode], true, e);
        if (store->records[mode] < 0 && !store_is_read_only(e))
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

static int open_directories(struct store *store, bool create, struct err *e)
{
        static const struct {
                size_t offset;
                const char *name;
        } plain[] = {
                { offsetof(struct store, images), "images" },
                { offsetof(struct store, names), "names" },
                { offsetof(struct store, paths), "paths" },
                { offsetof(struct store, tmp), "tmp" },
        };

        for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
                int fd = open_subdirectory(store->dir, plain[i].name, create, e);
                if (fd < 0)
                        return fd;
                memcpy((char *)store + plain[i].offset, &fd, sizeof(fd));
        }
        store->blobs = open_nested(store->dir, "blobs", "sha256", create, e);
        if (store->blobs < 0)
                return -e->code;
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                if (open_mode(store, mode, create, e) < 0)
                        return -e->code;
        }
        return 0;
}

int store_open(struct store *store, const char *path, bool create, struct err *e)
{
        store->path = path;
        if (create && make_parents(path, e) < 0)
                return -e->code;
        store->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (store->dir < 0)
                return err_sys(e, "cannot open the image store '%s'", path);
        if (check_owner(store->dir, path, e) < 0 || open_directories(store, create, e) < 0)
                return -e->code;
        if (!create)
                return 0;
        autofd lock = store_lock(store, e);
        if (lock < 0 || make_file(store, "oci-layout", layout_text, e) < 0)
                return -e->code;
        return make_file(store, "index.json", store_empty_index, e);
}

void store_done(struct store *store)
{
        fd_close(&store->dir);
        fd_close(&store->blobs);
        for (enum store_mode mode = 0; mode < STORE_MODES; mode++) {
                fd_close(&store->layers[mode]);
                fd_close(&store->records[mode]);
        }
        fd_close(&store->images);
        fd_close(&store->names);
        fd_close(&store->paths);
        fd_close(&store->tmp);
}

bool store_is_read_only(const struct err *e)
{
        return e->code == EROFS || e->code == EACCES;
}

int store_lock(const struct store *store, struct err *e)
{
        autofd fd = openat(store->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        /* NFS alone wants it writable, and whoever only reads needs it, too */
        if (fd < 0 && (errno == EROFS || errno == EACCES))
                fd = openat(store->dir, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return err_sys(e, "cannot open the lock of the image store '%s'", store->path);
        if (io_lock(fd, LOCK_EX) < 0)
                return err_sys(e, "cannot lock the image store '%s'", store->path);
        return fd_take(&fd);
}

void store_hint_elsewhere(const char *path, bool is_adding, struct err *e)
{
        bool is_full = e->code == ENOSPC || e->code == EDQUOT;

        if (!is_full && e->code != EROFS)
                return;
        err_hint(e, "the file system of '%.200s' is %s%s%s", path, is_full ? "full" : "read-only",
                 is_full && is_adding ? ": `kelp prune` frees space in it, " : "",
                 !is_adding ? ""
                 : is_full  ? "XDG_DATA_HOME=DIR puts the store elsewhere"
                            : ": XDG_DATA_HOME=DIR puts the store elsewhere");
}

/* ------ files ------ */

static int sync_directory(int dir, struct err *e)
{
        return fsync(dir) < 0 ? err_sys(e, "cannot sync the image store") : 0;
}

/* Whether the file has this text already, and has it for good. */
static bool has_text(int dir, const char *name, const char *text)
{
        autofd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        autofree char *old = NULL;
        struct err unused = { 0 };

        return fd >= 0 && io_read_all(fd, strlen(text), name, &old, NULL, &unused) == 0 &&
               str_eq(old, text) && fsync(fd) == 0;
}

int store_write(int tmp, int dir, const char *name, const char *text, struct err *e)
{
        char temporary[NAME_MAX + 1];

        if (has_text(dir, name, text))
                return sync_directory(dir, e);
        snprintf(temporary, sizeof(temporary), "new-file.%d", (int)getpid());
        unlinkat(tmp, temporary, 0);
        autofd fd =
                openat(tmp, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        if (io_write_all(fd, text, strlen(text), name, e) < 0)
                return -e->code;
        if (fsync(fd) < 0)
                return err_sys(e, "cannot sync '%s' of the image store", name);
        if (renameat(tmp, temporary, dir, name) < 0)
                return err_sys(e, "cannot put '%s' in the image store", name);
        return sync_directory(dir, e);
}

int store_read_image(int dir, const char *file, struct image *ret, struct err *e)
{
        autofree char *text = NULL;

        if (io_read_file(dir, file, LIMIT_IMAGE_TEXT, &text, NULL, e) < 0)
                return -e->code;
        if (image_read(text, ret, e) < 0)
                return err_prefix(e, "'%.100s' in the image store is damaged", file);
        return 0;
}

int store_list(int dir, store_each *each, void *context, struct err *e)
{
        int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *list = fd_take_dir(&copy);
        struct dirent *entry;

        if (!list)
                return err_sys(e, "cannot list a directory of the image store");
        for (;;) {
                errno = 0;
                entry = readdir(list);
                if (!entry && errno)
                        return err_sys(e, "cannot list a directory of the image store");
                if (!entry)
                        return 0;
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (each(context, entry->d_name, e) < 0)
                        return -e->code;
        }
}
