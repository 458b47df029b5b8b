#include "image-name.h"

#include "str.h"

#include <stdio.h>
#include <string.h>

#define SHORTEST_ID 12

/* Names of one repository; what is more is left out. */
#define MAX_SHOWN 8

const char *image_name_id_digits(const char *word)
{
        const char *hex = str_has_prefix(word, "sha256:") ? word + strlen("sha256:") : word;
        size_t len = strlen(hex);

        return len >= SHORTEST_ID && len <= IMAGE_NAME_DIGEST && strspn(hex, STR_HEX_LOWER) == len
                       ? hex
                       : NULL;
}

/* What stands before a tag or a digest. */
static size_t repo_len(const char *name)
{
        const char *slash = strrchr(name, '/');
        size_t start = slash ? (size_t)(slash - name) : 0;

        return start + strcspn(name + start, ":@");
}

bool image_name_print_repo(const char *const *names, const char *name, char *ret, size_t size)
{
        size_t len = repo_len(name);
        size_t used = 0;
        size_t n = 0;

        for (; *names && used < size; names++) {
                if (repo_len(*names) != len || memcmp(*names, name, len) != 0)
                        continue;
                if (++n > MAX_SHOWN)
                        break;
                used += (size_t)snprintf(ret + used, size - used, "%s%s", n > 1 ? ", " : "",
                                         *names);
        }
        return n > 0;
}

const char *image_name_find_nearest(struct arena *arena, const char **names, const char *word)
{
        static const char tag[] = ":latest";
        struct err lost = { 0 };

        for (const char **name = names; *name; name++) {
                if (!str_has_suffix(*name, tag))
                        continue;
                *name = arena_copy_n(arena, *name, strlen(*name) - strlen(tag), &lost);
                if (!*name)
                        return NULL;
        }
        return str_nearest(word, names);
}
