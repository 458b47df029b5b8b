#include "usage.h"

#include "fd.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct sum {
        int dir;
        uint64_t bytes;
};

static int add_one(void *context, const char *name, struct err *e);

static void add_tree(struct sum *sum, const char *name)
{
        struct err unused = { 0 };
        struct stat st;

        if (fstatat(sum->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        /* a file with several names counts once */
        sum->bytes += (uint64_t)st.st_blocks * 512 /
                      (S_ISDIR(st.st_mode) || st.st_nlink == 0 ? 1 : st.st_nlink);
        if (!S_ISDIR(st.st_mode))
                return;
        autofd fd = openat(sum->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct sum below = { .dir = fd };
        if (fd >= 0)
                store_list(fd, add_one, &below, &unused);
        sum->bytes += below.bytes;
}

static int add_one(void *context, const char *name, struct err *e)
{
        (void)e;
        add_tree(context, name);
        return 0;
}

uint64_t usage_of(int dir, const char *name)
{
        struct sum sum = { .dir = dir };

        add_tree(&sum, name);
        return sum.bytes;
}

uint64_t usage_of_layer(const struct store *store, const char *hex)
{
        struct stat st;
        uint64_t single = usage_of(store->layers[STORE_SINGLE], hex);
        bool has_subids = store->layers[STORE_SUBIDS] >= 0 &&
                          fstatat(store->layers[STORE_SUBIDS], hex, &st, AT_SYMLINK_NOFOLLOW) == 0;

        if (!has_subids)
                return single;
        return single ? 2 * single : usage_of(store->layers[STORE_SUBIDS], hex);
}

void usage_print(char *text, uint64_t bytes)
{
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
        double value = (double)bytes;
        size_t unit = 0;

        while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
                value /= 1000;
                unit++;
        }
        snprintf(text, USAGE_TEXT_MAX, "%.3g%s", value, units[unit]);
}
