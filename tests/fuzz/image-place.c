#include "image-place.h"

#include "erase.h"
#include "fd.h"
#include "io.h"
#include "layer.h"
#include "record.h"
#include "source.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* top/layer is unpacked into, top/spool is for members, top/canary must stay empty. */
struct place {
        int top;
        int layer;
        int spool;
};

static struct place make_place(void)
{
        char name[64];
        struct place p;

        snprintf(name, sizeof(name), "%s/kelp-fuzz.XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(name))
                abort();
        umask(0);
        p.top = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (mkdirat(p.top, "layer", 0700) < 0 || mkdirat(p.top, "spool", 0700) < 0 ||
            mkdirat(p.top, "canary", 0500) < 0)
                abort();
        p.layer = openat(p.top, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        p.spool = openat(p.top, "spool", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return p;
}

static int count_one(void *context, const char *name, struct err *e)
{
        (void)name;
        (void)e;
        ++*(unsigned *)context;
        return 0;
}

/* Its owner may do everything with each directory: so he can remove it by plain means. */
static int check_plain(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)path;
        (void)at;
        if (type == FTW_DNR || type == FTW_NS ||
            (type == FTW_D && (st->st_mode & S_IRWXU) != S_IRWXU))
                abort();
        return 0;
}

static void remove_place(struct place *p)
{
        char link[64];
        char name[PATH_MAX];
        char layer[PATH_MAX + 8];
        struct err e = { 0 };
        unsigned n = 0;
        autofd canary = openat(p->top, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (canary < 0 || store_list(canary, count_one, &n, &e) < 0 || n != 0 ||
            store_list(p->top, count_one, &n, &e) < 0 || n != 3)
                abort();
        snprintf(link, sizeof(link), "/proc/self/fd/%d", p->top);
        ssize_t len = readlink(link, name, sizeof(name) - 1);
        if (len < 0)
                abort();
        name[len] = '\0';
        snprintf(layer, sizeof(layer), "%s/layer", name);
        if (nftw(layer, check_plain, 100, FTW_PHYS | FTW_CHDIR) < 0)
                abort();
        fd_close(&p->layer);
        fd_close(&p->spool);
        if (erase_tree(p->top, "layer", &e) < 0 || erase_tree(p->top, "spool", &e) < 0 ||
            erase_tree(p->top, "canary", &e) < 0 || rmdir(name) < 0)
                abort();
        fd_close(&p->top);
}

static void differs(void *context, const char *path, const char *what)
{
        (void)context;
        fprintf(stderr, "'%s' %s\n", path, what);
        abort();
}

/* What was just unpacked is what its record says; files that nobody may read are for root alone. */
static void check_record(const struct layer_spec *spec)
{
        struct err e = { 0 };

        if (geteuid() == 0 &&
            record_check(spec->dir, false, spec->record_out, differs, NULL, &e) < 0)
                abort();
}

/* An attribute that steers the overlay is one that kelp made: on a directory, opaque. */
static void check_attributes(int parent, const char *name, const struct stat *st)
{
        char path[64 + 256];
        char list[65536];
        ssize_t n = -1;

        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, name);
        n = llistxattr(path, list, sizeof(list));
        for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
                const char *attr = list + at;

                if (strncmp(attr, "trusted.", 8) == 0 || strncmp(attr, "security.", 9) == 0)
                        abort();
                if (strncmp(attr, "user.overlay.", 13) == 0 &&
                    (!S_ISDIR(st->st_mode) || strcmp(attr, "user.overlay.opaque") != 0))
                        abort();
        }
}

static void check_tree(int dir);

static void check_entry(int parent, const char *name)
{
        struct stat st;

        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                abort();
        if (strncmp(name, ".wh.", 4) == 0 || S_ISBLK(st.st_mode) || S_ISSOCK(st.st_mode) ||
            (S_ISCHR(st.st_mode) && st.st_rdev != 0))
                abort();
        check_attributes(parent, name, &st);
        if (S_ISDIR(st.st_mode)) {
                autofd dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (dir >= 0)
                        check_tree(dir);
                else if (errno != EACCES)
                        abort();
        }
}

static void check_tree(int dir)
{
        autodir *listing = fdopendir(dup(dir));

        if (!listing)
                abort();
        for (const struct dirent *d = readdir(listing); d; d = readdir(listing))
                if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
                        check_entry(dir, d->d_name);
}

void place_unpack(const uint8_t *data, size_t size)
{
        struct place p = make_place();
        autofd fd = memfd_create("archive", MFD_CLOEXEC);
        struct layer_count count = { 0 };
        struct stream_result result;
        struct err e = { 0 };
        autosource source = { 0 };

        if (fd < 0 || io_write_all(fd, data, size, "archive", &e) < 0)
                abort();
        struct layer_spec spec = {
                .in = { fd, 0, size },
                .dir = p.layer,
                .packed_out = -1,
                .plain_out = -1,
                .scratch = p.spool,
                .record_out = memfd_create("record", MFD_CLOEXEC),
        };
        if (source_open(&source, fd, p.spool, &e) < 0 && e.code <= 0)
                abort();
        e = (struct err){ 0 };
        if (stream_recognise(&spec.in, &spec.packing, &e) == 0) {
                if (layer_unpack(&spec, &count, &result, &e) == 0)
                        check_record(&spec);
                else if (e.code <= 0)
                        abort();
        }
        close(spec.record_out);
        check_tree(p.layer);
        remove_place(&p);
}
