/* Which names of the store may have been meant by one that is not there. */

#include "store.h"

#include "fd.h"
#include "image-name.h"
#include "str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMES 100000

struct name_list {
        const char **items; /* NULL-terminated */
        size_t n;
};

/* The name that a file in names/ stands for; false for a file that is none. */
static bool decode(const char *file, char *ret, size_t size)
{
        size_t used = 0;

        for (; *file; file++) {
                if (used + 1 >= size)
                        return false;
                ret[used] = *file;
                if (*file == '%') {
                        int byte = str_hex_byte(file + 1, STR_HEX_UPPER);

                        if (byte <= 0)
                                return false;
                        ret[used] = (char)byte;
                        file += 2;
                }
                used++;
        }
        ret[used] = '\0';
        return true;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add(struct arena *arena, struct name_list *list, const char *name, struct err *e)
{
        if (arena_grow(arena, &list->items, list->n, sizeof(*list->items), MAX_NAMES, "names", e) <
            0)
                return -e->code;
        list->items[list->n] = name ? arena_copy(arena, name, e) : NULL;
        if (name && !list->items[list->n])
                return -e->code;
        list->n += name != NULL;
        return 0;
}

static int list_names(struct arena *arena, int store, struct name_list *ret, struct err *e)
{
        int fd = openat(store, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);

        if (!dir)
                return err_sys(e, "cannot list the names in the store");
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
                char name[NAME_MAX + 1];

                if (entry->d_name[0] != '.' && decode(entry->d_name, name, sizeof(name)) &&
                    add(arena, ret, name, e) < 0)
                        return -e->code;
        }
        if (ret->n > 0)
                qsort(ret->items, ret->n, sizeof(*ret->items), compare);
        return add(arena, ret, NULL, e);
}

bool store_hint_names(struct arena *arena, int store, const char *name, struct err *e)
{
        struct name_list list = { 0 };
        struct err unused = { 0 };

        return list_names(arena, store, &list, &unused) == 0 &&
               image_name_hint(arena, list.items, name, e);
}
