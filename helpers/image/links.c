#include "links.h"

#include <errno.h>
#include <search.h>
#include <string.h>

struct link {
        ino_t ino;
        char path[]; /* the first name */
};

static int compare(const void *a, const void *b)
{
        const struct link *x = a;
        const struct link *y = b;

        return (x->ino > y->ino) - (x->ino < y->ino);
}

int links_find(struct links *links, ino_t ino, const char *path, const char **ret, struct err *e)
{
        size_t size = strlen(path) + 1;
        struct link *link = arena_alloc(&links->arena, sizeof(*link) + size, e);

        if (!link)
                return -e->code;
        link->ino = ino;
        memcpy(link->path, path, size);
        struct link **found = tsearch(link, &links->tree, compare);
        if (!found)
                return err_set(e, ENOMEM, "out of memory");
        *ret = *found == link ? NULL : (*found)->path;
        return 0;
}

static void keep(void *link)
{
        (void)link; /* it is the arena's */
}

void links_done(struct links *links)
{
        tdestroy(links->tree, keep);
        links->tree = NULL;
        arena_done(&links->arena);
}
