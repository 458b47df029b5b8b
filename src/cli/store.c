#include "store.h"

#include "fd.h"
#include "image-name.h"
#include "io.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TEXT ((size_t)4 * 1024 * 1024)

const char *store_path(struct arena *arena, const char *home, struct err *e)
{
        const char *data = getenv("XDG_DATA_HOME");

        if (data && data[0] == '/')
                return path_clean(arena, data, "kelp/store", e);
        if (home)
                return path_clean(arena, home, ".local/share/kelp/store", e);
        err_set(e, ENOENT, "there is no place for images: your home directory is not known");
        err_hint(e, "set HOME or XDG_DATA_HOME");
        return NULL;
}

const char *kept_path(struct arena *arena, const char *store, struct err *e)
{
        const char *data = path_parent(arena, store, e);

        return data ? path_join(arena, data, "kept", e) : NULL;
}

int store_open(const char *path, struct err *e)
{
        autofd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return err_sys(e, "cannot open the store '%s'", path);
        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat the store '%s'", path);
        if (st.st_uid != getuid()) {
                err_set(e, EPERM, "the store '%s' belongs to user %u", path, st.st_uid);
                return err_hint(e, "use one of your own: set XDG_DATA_HOME");
        }
        if (st.st_mode & 022) {
                err_set(e, EPERM, "the store '%s' can be written to by others", path);
                return err_hint(e, "chmod go-w '%s'", path);
        }
        return fd_take(&fd);
}

int store_lock(int store, struct err *e)
{
        autofd fd = openat(store, "lock", O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot open the lock of the image store");
        if (io_lock(fd, LOCK_SH) < 0)
                return err_sys(e, "cannot lock the image store");
        return fd_take(&fd);
}

/* As kelp-image writes it: what a loss of power leaves instead is empty, zeros, or cut off. */
static bool is_whole(const char *text, size_t len)
{
        return len > 0 && strlen(text) == len && text[len - 1] == '\n' &&
               strstr(text, "\nid = sha256:") && strstr(text, "\nlayer = ");
}

static int read_text(struct arena *arena, int store, const char *dir, const char *name,
                     const char **ret_text, struct err *e)
{
        autofree char *text = NULL;
        char path[NAME_MAX + 16];
        size_t len = 0;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        if (io_read_file(store, path, MAX_TEXT, &text, &len, e) < 0)
                return -e->code;
        if (!is_whole(text, len))
                return err_set(e, EBADMSG, "'%s' in the image store is damaged", path);
        /* a store that cannot be written to is not cleaned up either: nobody misses the note */
        utimensat(store, path, NULL, 0);
        *ret_text = arena_copy_n(arena, text, len, e);
        return *ret_text ? 0 : -e->code;
}

/* The name of the tag's file, or false when no file can have it. */
static bool encode(const char *name, char *ret, size_t size)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789._-";
        static const char digits[] = "0123456789ABCDEF";
        const char *last = strrchr(name, '/');
        bool has_tag = strchr(last ? last : name, ':') != NULL;
        size_t used = 0;

        for (int part = 0; part < (has_tag ? 1 : 2); part++) {
                for (const char *at = part == 0 ? name : ":latest"; *at; at++) {
                        unsigned char c = (unsigned char)*at;

                        if (used + 4 > size)
                                return false;
                        if (strchr(plain, c)) {
                                ret[used++] = *at;
                                continue;
                        }
                        ret[used++] = '%';
                        ret[used++] = digits[c >> 4];
                        ret[used++] = digits[c & 15];
                }
        }
        ret[used] = '\0';
        return used > 0;
}

int store_read_name(struct arena *arena, int store, const char *name, const char **ret_text,
                    struct err *e)
{
        char file[NAME_MAX + 1];

        if (!encode(name, file, sizeof(file)))
                return err_set(e, ENOENT, "no image can have that name");
        return read_text(arena, store, "names", file, ret_text, e);
}

int store_read_path_key(struct arena *arena, int store, const char *key, const char **ret_text,
                        struct err *e)
{
        return read_text(arena, store, "paths", key, ret_text, e);
}

/* ------ ids ------ */

bool store_is_id(const char *word)
{
        return image_name_id_digits(word) != NULL;
}

/* The one digest in images/ that begins so. */
static int find_digest(int store, const char *hex, char *ret, struct err *e)
{
        int fd = openat(store, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list the images in the store");
        ret[0] = '\0';
        while (errno = 0, (entry = readdir(dir)) != NULL) {
                if (strlen(entry->d_name) != IMAGE_NAME_DIGEST ||
                    !str_has_prefix(entry->d_name, hex))
                        continue;
                if (ret[0])
                        return err_set(e, EINVAL, "more than one image has an id with '%s'", hex);
                memcpy(ret, entry->d_name, IMAGE_NAME_DIGEST + 1);
        }
        if (errno)
                return err_sys(e, "cannot list the images in the store");
        return ret[0] ? 0 : err_set(e, ENOENT, "no image has the id '%s'", hex);
}

int store_read_id(struct arena *arena, int store, const char *id, const char **ret_text,
                  struct err *e)
{
        static const char last_section[] = "\n[store]\n";
        const char *hex = image_name_id_digits(id);
        char digest[IMAGE_NAME_DIGEST + 1];
        const char *text = NULL;

        if (!hex)
                return err_set(e, ENOENT, "'%s' is no id", id);
        if (find_digest(store, hex, digest, e) < 0 ||
            read_text(arena, store, "images", digest, &text, e) < 0)
                return -e->code;
        const char *end = strstr(text, last_section);
        *ret_text = end ? arena_copy_n(arena, text, (size_t)(end + 1 - text), e) : text;
        return *ret_text ? 0 : -e->code;
}
