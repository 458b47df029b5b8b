#include "review-change.h"

#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The directories that applying has made, by their numbers, 8 bytes each: noted before one gets its
 * name.  Their looks come last, so until then they are told from those that their user has made
 * meanwhile by nothing else.
 */

#define MADE     "made"
#define MAX_MADE ((size_t)1 << 30)

int review_note_made(const struct review *r, int parent, const char *name, struct err *e)
{
        autofd fd =
                openat(r->dir, MADE, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat st;

        if (fd < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(e, "cannot note that a directory is made");
        const uint64_t ino = st.st_ino;
        return io_write_all(fd, &ino, sizeof(ino), "the list of the directories that are made", e);
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a;
        uint64_t y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

int review_read_made(struct review_changes *c, struct err *e)
{
        autofree char *data = NULL;
        size_t len = 0;

        if (io_read_file(c->review->dir, MADE, MAX_MADE, &data, &len, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ .step = e->step };
                return 0;
        }
        c->n_made = len / sizeof(*c->made);
        c->made = arena_alloc(&c->arena, (c->n_made + 1) * sizeof(*c->made), e);
        if (!c->made)
                return -e->code;
        memcpy(c->made, data, c->n_made * sizeof(*c->made));
        qsort(c->made, c->n_made, sizeof(*c->made), compare);
        return 0;
}

bool review_was_made(const struct review_changes *c, uint64_t ino)
{
        return c->n_made > 0 && bsearch(&ino, c->made, c->n_made, sizeof(*c->made), compare);
}
