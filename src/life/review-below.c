#include "review-change.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * What lies below a directory that is to go: a digest of names and states, in no order, so that it is
 * noticed when any of it is another one later.  It is no defence: the user's own programs changed it.
 */

#define MAX_DEPTH 100

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
        const unsigned char *bytes = data;

        /* FNV-1a */
        for (size_t i = 0; i < len; i++)
                hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
        return hash;
}

static uint64_t digest_of(uint64_t above, const char *name, const struct review_ident *id)
{
        uint64_t hash = mix(above, name, strlen(name) + 1);

        hash = mix(hash, &id->mode, sizeof(id->mode));
        hash = mix(hash, &id->ino, sizeof(id->ino));
        hash = mix(hash, &id->size, sizeof(id->size));
        return mix(hash, &id->mtime_ns, sizeof(id->mtime_ns));
}

struct below {
        struct review_below *found;
        int64_t start_ns;
        uint64_t dev;
};

static int look_inside(struct below *b, int parent, const char *name, uint64_t above, int depth,
                       struct err *e);

static int look_at(struct below *b, int dir, const char *name, uint64_t above, int depth,
                   struct err *e)
{
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot stat '%s'", name);
        const struct review_ident id = review_ident_of(&st);
        uint64_t hash = digest_of(above, name, &id);

        b->found->n++;
        b->found->digest += hash;
        /* what is mounted there was not there before */
        if (id.ctime_ns > b->start_ns || id.dev != b->dev)
                b->found->is_new = true;
        if (!S_ISDIR(st.st_mode) || id.dev != b->dev)
                return 0;
        if (depth >= MAX_DEPTH)
                return err_set(e, ENAMETOOLONG, "directories are too deep below '%s'", name);
        return look_inside(b, dir, name, hash, depth + 1, e);
}

static int look_inside(struct below *b, int parent, const char *name, uint64_t above, int depth,
                       struct err *e)
{
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list '%s'", name);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (look_at(b, dirfd(dir), entry->d_name, above, depth, e) < 0)
                        return -e->code;
        }
        return errno ? err_sys(e, "cannot list '%s'", name) : 0;
}

int review_look_below(int dir, const char *name, int64_t start_ns, struct review_below *ret,
                      struct err *e)
{
        struct below b = { .found = ret, .start_ns = start_ns };
        struct stat st;

        *ret = (struct review_below){ 0 };
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot stat '%s'", name);
        b.dev = st.st_dev;
        return look_inside(&b, dir, name, UINT64_C(14695981039346656037), 0, e);
}
