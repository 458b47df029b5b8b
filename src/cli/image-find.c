#include "image-find.h"

#include "fd.h"
#include "helper-find.h"
#include "helper-run.h"
#include "image-name.h"
#include "path.h"
#include "pull.h"
#include "store.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct search {
        struct arena *arena;
        const char *name;
        const char *store_path;
        int store;       /* -1: there is none yet */
        int lock;        /* of the store: held from the reading of a name on */
        bool is_missing; /* neither the store nor a path has it */
};

static int found(struct search *s, const char *text, struct plan_image_source *ret)
{
        *ret = (struct plan_image_source){ .name = s->name, .store = s->store_path, .text = text };
        return 0;
}

/*
 * What tells one state of a file from every other without reading it.  A layout is known by its
 * index: its other files are named by what they hold.
 */
static const char *path_key(struct arena *arena, const struct stat *st, struct err *e)
{
        return arena_print(arena, e, "%jx-%jx-%jx-%jx.%lx-%jx.%lx", (uintmax_t)st->st_dev,
                           (uintmax_t)st->st_ino, (uintmax_t)st->st_size,
                           (uintmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                           (uintmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static int import(struct search *s, const char *key, struct err *e)
{
        const char *helper = helper_find(s->arena, "kelp-image", e);
        const char *argv[] = {
                "kelp-image", "--store", s->store_path, "import", "--path-key",
                key,          "--",      s->name,       NULL,
        };
        const struct helper_task task = { helper, argv, NULL, "import", s->name };

        return helper ? helper_run(&task, e) : -e->code;
}

/* Under the lock, which is let go again when there is nothing. */
static int read_key(struct search *s, int store, const char *key, const char **ret_text,
                    struct err *e)
{
        s->lock = store_lock(store, e);
        if (s->lock < 0)
                return -e->code;
        int r = store_read_path_key(s->arena, store, key, ret_text, e);
        if (r < 0)
                fd_close(&s->lock);
        return r;
}

static int find_by_key(struct search *s, const struct stat *st, struct plan_image_source *ret,
                       struct err *e)
{
        const char *key = path_key(s->arena, st, e);
        const char *text = NULL;

        if (!key)
                return -e->code;
        if (s->store >= 0 && read_key(s, s->store, key, &text, e) == 0)
                return found(s, text, ret);
        /* a damaged one is written anew */
        if (s->store >= 0 && e->code != ENOENT && e->code != EBADMSG)
                return -e->code;
        *e = (struct err){ 0 };
        if (import(s, key, e) < 0)
                return -e->code;
        autofd store = store_open(s->store_path, e);
        if (store < 0 || read_key(s, store, key, &text, e) < 0)
                return err_prefix(e, "'%s' was imported, but", s->name);
        return found(s, text, ret);
}

/* What is this host's own is no image, and would be all of it. */
static int judge_root(const char *name, const char *path, int dir, struct err *e)
{
        struct statfs fs;

        if (str_eq(path, "/")) {
                err_set(e, EPERM, "cannot share '/': that would be this host as a whole");
                return err_hint(e, "kelp run -- COMMAND shows what is safe of it");
        }
        if (fstatfs(dir, &fs) < 0)
                return err_sys(e, "cannot judge '%s'", name);
        if (fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC && !path_is_in(path, "/dev"))
                return 0;
        err_set(e, EPERM, "'%s' is no image: it is the kernel's own", name);
        return err_hint(e, "an image is a directory with a root file system, or an archive of one");
}

/* A directory is an OCI layout when it says so, and else a root. */
static int find_directory(struct search *s, struct plan_image_source *ret, struct err *e)
{
        autofd dir = open(s->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (dir < 0)
                return err_sys(e, "cannot open '%s'", s->name);
        if (fstatat(dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if (fstatat(dir, "index.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return err_sys(e, "cannot find 'index.json' of the OCI layout '%s'",
                                       s->name);
                return find_by_key(s, &st, ret, e);
        }
        autofree char *real = realpath(s->name, NULL);
        if (!real)
                return err_sys(e, "cannot resolve '%s'", s->name);
        const char *path = arena_copy(s->arena, real, e);
        if (!path || judge_root(s->name, path, dir, e) < 0)
                return -e->code;
        *ret = (struct plan_image_source){ .name = s->name, .directory = path };
        return 0;
}

/* A program and not an image: it starts as programs do. */
static bool is_program(const char *path)
{
        autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        char magic[4] = "";

        if (fd < 0 || read(fd, magic, sizeof(magic)) < 4)
                return false;
        return memcmp(magic, "#!", 2) == 0 || memcmp(magic,
                                                     "\x7f"
                                                     "ELF",
                                                     4) == 0;
}

static int find_path(struct search *s, struct plan_image_source *ret, struct err *e)
{
        struct stat st;

        if (stat(s->name, &st) < 0) {
                err_sys(e, "cannot find image '%s'", s->name);
                image_name_hint_layout(s->name, e);
                return -e->code;
        }
        if (S_ISDIR(st.st_mode))
                return find_directory(s, ret, e);
        if (S_ISREG(st.st_mode) && is_program(s->name))
                return err_set(e, ENOEXEC, "'%s' is a program and not an image", s->name);
        if (S_ISREG(st.st_mode))
                return find_by_key(s, &st, ret, e);
        return err_set(e, EINVAL, "image '%s' is neither a file nor a directory", s->name);
}

static int not_found(struct search *s, struct err *e)
{
        s->is_missing = true;
        err_set(e, ENOENT, "there is no image '%s'", s->name);
        if (str_eq(s->name, "-"))
                return err_hint(e, "to read an archive: kelp import - NAME, then kelp run NAME");
        if (image_name_hint_layout(s->name, e))
                return -ENOENT;
        if (s->store >= 0 && store_hint_names(s->arena, s->store, s->name, e))
                return -ENOENT;
        if (access(s->name, F_OK) == 0)
                return err_hint(e, "for the file of that name write ./%s", s->name);
        if (store_is_id(s->name))
                return err_hint(e, "`kelp images` lists the images");
        return -ENOENT;
}

static int is_damaged(const char *what, const char *name, struct err *e)
{
        if (e->code != EBADMSG)
                return err_prefix(e, "cannot read image '%s'", name);
        err_set(e, EBADMSG, "the %s '%s' is damaged in the image store", what, name);
        if (str_eq(what, "image"))
                return err_hint(e, "`kelp images` says how to remove it; then import it again");
        return err_hint(e, "kelp rmi '%s', and import it again", name);
}

/* As docker has it: where a name and an id are the same word, the name is meant. */
static int read_name_or_id(struct search *s, const char **ret_text, struct err *e)
{
        if (store_read_name(s->arena, s->store, s->name, ret_text, e) == 0)
                return 0;
        if (e->code != ENOENT)
                return is_damaged("name", s->name, e);
        if (!store_is_id(s->name))
                return -e->code;
        *e = (struct err){ 0 };
        if (store_read_id(s->arena, s->store, s->name, ret_text, e) == 0 || e->code == ENOENT)
                return -e->code;
        return is_damaged("image", s->name, e);
}

static int find_name(struct search *s, struct plan_image_source *ret, struct err *e)
{
        const char *text = NULL;

        if (s->store >= 0) {
                s->lock = store_lock(s->store, e);
                if (s->lock < 0)
                        return -e->code;
        }
        if (s->store >= 0 && read_name_or_id(s, &text, e) == 0)
                return found(s, text, ret);
        if (s->store >= 0 && e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        fd_close(&s->lock);
        /* names of registries have slashes too: what is a name in the store is no path */
        if (strchr(s->name, '/') && access(s->name, F_OK) == 0)
                return find_path(s, ret, e);
        return not_found(s, e);
}

static int pull_and_find(struct search *s, struct plan_image_source *ret, struct err *e)
{
        const struct pull_wish wish = { .store = s->store_path, .name = s->name };
        const char *text = NULL;

        *e = (struct err){ 0 };
        if (pull_wait(s->arena, &wish, e) < 0)
                return -e->code;
        autofd store = store_open(s->store_path, e);
        if (store >= 0)
                s->lock = store_lock(store, e);
        if (store < 0 || s->lock < 0 || store_read_name(s->arena, store, s->name, &text, e) < 0)
                return err_prefix(e, "'%s' was pulled, but", s->name);
        return found(s, text, ret);
}

static int find_by_name(struct search *s, enum option_pull pull, struct plan_image_source *ret,
                        struct err *e)
{
        if (pull == OPTION_PULL_ALWAYS)
                return pull_and_find(s, ret, e);
        if (find_name(s, ret, e) == 0)
                return 0;
        return s->is_missing && pull == OPTION_PULL_MISSING ? pull_and_find(s, ret, e) : -e->code;
}

int image_find(struct arena *arena, const char *name, const struct plan_facts *facts,
               enum option_pull pull, struct plan_image_source *ret, int *ret_lock, struct err *e)
{
        struct search s = { .arena = arena, .name = name, .store = -1, .lock = -1 };
        bool is_path = name[0] == '/' || str_eq(name, ".") || str_eq(name, "..") ||
                       str_has_prefix(name, "./") || str_has_prefix(name, "../");

        if (name[0] == '\0')
                return err_set(e, EINVAL, "the name of the image is empty");
        s.store_path = store_path(arena, facts->home, e);
        if (!s.store_path)
                return -e->code;
        autofd store = store_open(s.store_path, e);
        if (store < 0 && e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        s.store = store;
        const char *kept = kept_path(arena, s.store_path, e);
        int r = !kept ? -e->code : is_path ? find_path(&s, ret, e) : find_by_name(&s, pull, ret, e);
        if (r < 0) {
                fd_close(&s.lock);
        } else {
                ret->home_store = s.store_path;
                ret->kept_dir = kept;
        }
        *ret_lock = s.lock;
        return r;
}
