/* Any bytes as what lies in the directory of a review: its manifest, and the list of what was seen. */

#include "fuzz.h"
#include "io.h"
#include "path.h"
#include "review-change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int dir = -1;
static char path[] = "/tmp/kelp-fuzz-review-XXXXXX";

static void remove_all(void)
{
        unlinkat(dir, "manifest", 0);
        unlinkat(dir, "seen", 0);
        rmdir(path);
}

static void make_dir(void)
{
        if (!mkdtemp(path))
                abort();
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                abort();
        atexit(remove_all);
}

static void put(const char *name, const uint8_t *data, size_t size)
{
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        struct err e = { 0 };

        /* not emptied first, which a file system takes for a reason to write at once */
        if (fd < 0 || io_write_all(fd, (const char *)data, size, name, &e) < 0 ||
            ftruncate(fd, (off_t)size) < 0)
                abort();
        close(fd);
}

static void check_manifest(struct review *r)
{
        struct err e = { 0 };

        if (review_read_manifest(r, &e) < 0) {
                if (e.code != EBADMSG && e.code != EINVAL && e.code != ERANGE && e.code != E2BIG)
                        abort();
                return;
        }
        if (!r->command || r->start_ns < 0 || r->n_places > REVIEW_MAX_PLACES)
                abort();
        for (size_t i = 0; i < r->n_places; i++) {
                if (!path_is_clean(r->places[i].path) || r->places[i].number > REVIEW_MAX_PLACES)
                        abort();
        }
        for (size_t i = 0; i < r->n_names; i++) {
                if (!r->names[i])
                        abort();
        }
}

static void check_seen(const struct review *r)
{
        struct review_changes c = { .review = r };
        struct err e = { 0 };

        if (review_read_seen(&c, &e) < 0 && e.code != EBADMSG && e.code != E2BIG)
                abort();
        for (size_t i = 0; e.code == 0 && i < c.n_seen; i++) {
                struct review_change change = { .place = c.seen[i].place, .path = c.seen[i].path };

                review_note_seen(&c, &change);
                if (!change.is_seen)
                        abort();
        }
        arena_done(&c.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct review r = REVIEW_NONE;

        if (dir < 0)
                make_dir();
        put("manifest", data, size);
        put("seen", data, size);
        r.dir = dir;
        check_manifest(&r);
        check_seen(&r);
        arena_done(&r.arena);
        return 0;
}
