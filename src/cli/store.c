#include "store.h"

#include "fd.h"
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
        int r;

        if (fd < 0)
                return err_sys(e, "cannot open the lock of the image store");
        do {
                r = flock(fd, LOCK_SH);
        } while (r < 0 && errno == EINTR);
        if (r < 0)
                return err_sys(e, "cannot lock the image store");
        return fd_take(&fd);
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

static int hex_value(char c)
{
        static const char digits[] = "0123456789ABCDEF";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int)(at - digits) : -1;
}

/* The reverse of encode(), without ":latest"; false for a file that is no name. */
static bool decode(const char *file, char *ret, size_t size)
{
        size_t used = 0;

        for (; *file; file++) {
                if (used + 1 >= size)
                        return false;
                ret[used] = *file;
                if (*file == '%') {
                        int high = hex_value(file[1]);
                        int low = high < 0 ? -1 : hex_value(file[2]);

                        if (low < 0 || (high | low) == 0)
                                return false;
                        ret[used] = (char)(high << 4 | low);
                        file += 2;
                }
                used++;
        }
        ret[used] = '\0';
        if (str_has_suffix(ret, ":latest"))
                ret[used - strlen(":latest")] = '\0';
        return true;
}

const char *store_nearest(struct arena *arena, int store, const char *name)
{
        autofd fd = openat(store, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char best[NAME_MAX + 1] = "";
        size_t best_distance = SIZE_MAX;
        struct err e = { 0 };

        if (fd < 0)
                return NULL;
        autodir *dir = fdopendir(fd);
        if (!dir)
                return NULL;
        fd = -1; /* the directory has it now */
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
                char known[NAME_MAX + 1];
                size_t distance;

                if (entry->d_name[0] == '.' || !decode(entry->d_name, known, sizeof(known)))
                        continue;
                if (str_is_near(name, known, &distance) && distance < best_distance) {
                        best_distance = distance;
                        memcpy(best, known, sizeof(best));
                }
        }
        return best[0] ? arena_copy(arena, best, &e) : NULL;
}
