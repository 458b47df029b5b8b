/*
 * Any bytes as an archive: recognised, and unpacked as a layer into a directory in memory.  Nothing
 * may appear beside that directory, and what is in it can be removed by plain means.
 */

#include "fd.h"
#include "image-fuzz.h"
#include "io.h"
#include "layer.h"
#include "record.h"
#include "source.h"
#include "store.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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
        if (!setlocale(LC_CTYPE, "C.UTF-8") || !mkdtemp(name))
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

static void remove_place(struct place *p)
{
        char link[64];
        char name[4096];
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
        fd_close(&p->layer);
        fd_close(&p->spool);
        if (store_remove_tree(p->top, "layer", &e) < 0 ||
            store_remove_tree(p->top, "spool", &e) < 0 ||
            store_remove_tree(p->top, "canary", &e) < 0 || rmdir(name) < 0)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
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
        remove_place(&p);
        return 0;
}
