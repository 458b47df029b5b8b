#include "image-name.h"

#include "str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

bool image_name_is_host(const char *text, size_t len)
{
        return memchr(text, '.', len) || memchr(text, ':', len) ||
               (len == 9 && memcmp(text, "localhost", 9) == 0);
}

bool image_name_is_docker(const char *host, size_t len)
{
        static const char *const names[] = { "docker.io", "index.docker.io",
                                             "registry-1.docker.io" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (strlen(names[i]) == len && memcmp(names[i], host, len) == 0)
                        return true;
        }
        return false;
}

/* What stands before the first slash and is a registry; 0: docker's own is meant. */
static size_t host_len(const char *name)
{
        size_t len = strcspn(name, "/");

        return name[len] == '/' && image_name_is_host(name, len) && !image_name_is_docker(name, len)
                       ? len
                       : 0;
}

/* The shortest name for the same: without docker's own registry, and its "library". */
static const char *shorten(const char *name)
{
        static const char library[] = "library/";
        size_t len = strcspn(name, "/");

        if (name[len] == '/' && image_name_is_docker(name, len))
                name += len + 1;
        if (str_has_prefix(name, library) && !strchr(name + strlen(library), '/'))
                name += strlen(library);
        return name;
}

/* What stands before a tag or a digest. */
static size_t repo_len(const char *name)
{
        const char *slash = strrchr(name, '/');
        size_t start = slash ? (size_t)(slash - name) : 0;

        return start + strcspn(name + start, ":@");
}

static bool is_same_repo(const char *a, const char *b)
{
        size_t len = repo_len(a);

        return repo_len(b) == len && memcmp(a, b, len) == 0;
}

static bool is_same_tag(const char *a, const char *b)
{
        const char *tag_a = a + repo_len(a);
        const char *tag_b = b + repo_len(b);

        return str_eq(*tag_a ? tag_a : ":latest", *tag_b ? tag_b : ":latest");
}

bool image_name_print_repo(const char *const *names, const char *name, char *ret, size_t size)
{
        size_t used = 0;
        size_t n = 0;

        for (; *names && used < size; names++) {
                if (!is_same_repo(shorten(*names), shorten(name)))
                        continue;
                if (++n > MAX_SHOWN)
                        break;
                used += (size_t)snprintf(ret + used, size - used, "%s%s", n > 1 ? ", " : "",
                                         *names);
        }
        return n > 0;
}

const char *image_name_find_same(const char *const *names, const char *name)
{
        for (; *names; names++) {
                const char *a = shorten(*names);
                const char *b = shorten(name);

                if (is_same_repo(a, b) && is_same_tag(a, b))
                        return *names;
        }
        return NULL;
}

static bool is_same_host(const char *a, const char *b)
{
        size_t len = host_len(a);

        return host_len(b) == len && memcmp(a, b, len) == 0;
}

const char *image_name_find_nearest(struct arena *arena, const char **names, const char *word)
{
        static const char tag[] = ":latest";
        struct err lost = { 0 };
        size_t n = 0;

        for (const char **name = names; *name; name++) {
                const char *near = *name;

                if (!is_same_host(near, word))
                        continue;
                if (str_has_suffix(near, tag))
                        near = arena_copy_n(arena, near, strlen(near) - strlen(tag), &lost);
                if (!near)
                        return NULL;
                names[n++] = near;
        }
        names[n] = NULL;
        return str_nearest(word, names);
}

bool image_name_hint(struct arena *arena, const char **names, const char *name, struct err *e)
{
        char shown[300];
        const char *same = image_name_find_same(names, name);

        if (same) {
                err_hint(e, "'%.200s' is here, which is another name", same);
                return true;
        }
        if (image_name_print_repo(names, name, shown, sizeof(shown))) {
                err_hint(e, "there is %s", shown);
                return true;
        }
        const char *nearest = image_name_find_nearest(arena, names, name);
        if (nearest)
                err_hint(e, "did you mean '%.100s'", nearest);
        return nearest != NULL;
}

/* What a directory is called, if an image can be called so; else a word to be replaced. */
static const char *name_of(const char *dir)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        const char *slash = strrchr(dir, '/');
        const char *name = slash ? slash + 1 : dir;

        return *name && strspn(name, plain) == strlen(name) ? name : "NAME";
}

bool image_name_hint_layout(const char *path, struct err *e)
{
        const char *colon = strrchr(path, ':');
        char dir[PATH_MAX];
        char file[PATH_MAX];

        if (!colon || colon == path || !colon[1] || strchr(colon, '/') ||
            snprintf(dir, sizeof(dir), "%.*s", (int)(colon - path), path) >= (int)sizeof(dir) ||
            snprintf(file, sizeof(file), "%s/oci-layout", dir) >= (int)sizeof(file) ||
            access(file, F_OK) < 0)
                return false;
        err_hint(e, "the tag of a layout is chosen by the name: kelp import %.150s %.50s:%.100s",
                 dir, name_of(dir), colon + 1);
        return true;
}
