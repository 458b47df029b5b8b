#include "registries.h"

#include "io.h"
#include "parse.h"
#include "str.h"
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SYSTEM_FILE "/etc/kelp/registries.conf"
#define FILE_NAME   "registries.conf"

static int set_mirror(struct registries *r, struct registry *registry, const char *value,
                      struct err *e)
{
        struct url url;

        if (url_parse(value, "the mirror", &url, e) < 0)
                return -e->code;
        if (url.is_plain && !url_is_loopback(url.host))
                return err_set(e, EINVAL, "the mirror '%.200s' is not https", value);
        /* libcurl does not mind how it is written, but we look at it again */
        if (!str_has_prefix(value, "https://") && !str_has_prefix(value, "http://"))
                return err_set(e, EINVAL, "the mirror '%.200s' does not begin with https://",
                               value);
        if (strpbrk(value, "?#"))
                return err_set(e, EINVAL, "the mirror '%.200s' has more than a path", value);
        if (registry->n_mirrors == REGISTRIES_MAX_MIRRORS)
                return err_set(e, E2BIG, "more than %d mirrors", REGISTRIES_MAX_MIRRORS);
        size_t len = strlen(value);
        while (value[len - 1] == '/')
                len--;
        const char *copy = arena_copy_n(&r->arena, value, len, e);
        if (!copy)
                return -e->code;
        registry->mirrors[registry->n_mirrors++] = copy;
        return 0;
}

static int set_insecure(struct registries *r, struct registry *registry, const char *value,
                        struct err *e)
{
        (void)r;
        return parse_bool(value, &registry->is_insecure, e);
}

static int set_ca(struct registries *r, struct registry *registry, const char *value, struct err *e)
{
        if (value[0] != '/')
                return err_set(e, EINVAL, "'%.200s' is not an absolute path", value);
        registry->ca = arena_copy(&r->arena, value, e);
        return registry->ca ? 0 : -e->code;
}

static const struct {
        const char *name;
        int (*set)(struct registries *r, struct registry *registry, const char *value,
                   struct err *e);
} keys[] = {
        { "mirror", set_mirror },
        { "insecure", set_insecure },
        { "ca", set_ca },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static int unknown_key(const char *name, struct err *e)
{
        const char *names[N_KEYS + 1] = { NULL };

        for (size_t i = 0; i < N_KEYS; i++)
                names[i] = keys[i].name;
        const char *near = str_nearest(name, names);
        err_set(e, EINVAL, "unknown key '%.60s'", name);
        if (near)
                return err_hint(e, "did you mean '%s'", near);
        return err_hint(e, "the keys are mirror, insecure and ca");
}

/* HOST or HOST:PORT, or an address in brackets: nothing that a URL would take for more. */
static bool is_host(const char *text)
{
        size_t len = strlen(text);

        return len > 0 && len < 256 &&
               strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789.-:[]") == len;
}

static struct registry *find(const struct registries *r, const char *host)
{
        for (size_t i = 0; i < r->n; i++) {
                if (strcasecmp(r->items[i].host, host) == 0)
                        return &r->items[i];
        }
        return NULL;
}

static int start_section(struct registries *r, char *line, const char *file, struct registry **ret,
                         struct err *e)
{
        size_t len = strlen(line);

        if (line[len - 1] != ']')
                return err_set(e, EINVAL, "a section is '[HOST]', not '%.100s'", line);
        line[len - 1] = '\0';
        const char *host = str_trim(line + 1);
        if (!is_host(host))
                return err_set(e, EINVAL, "'%.100s' is not the name of a registry", host);
        struct registry *old = find(r, host);
        if (old && old->file == file) {
                *ret = old;
                return 0;
        }
        struct registry fresh = { .host = arena_copy(&r->arena, host, e), .file = file };
        if (!fresh.host)
                return -e->code;
        if (old) {
                *old = fresh;
                *ret = old;
                return 0;
        }
        if (arena_grow(&r->arena, &r->items, r->n, sizeof(fresh), REGISTRIES_MAX, "registries", e) <
            0)
                return -e->code;
        r->items[r->n] = fresh;
        *ret = &r->items[r->n++];
        return 0;
}

static int set_key(struct registries *r, struct registry *registry, char *line, struct err *e)
{
        char *value = strchr(line, '=');

        if (!value)
                return err_set(e, EINVAL, "'%.100s' is not a line KEY = VALUE", line);
        *value++ = '\0';
        const char *name = str_trim(line);
        value = str_trim(value);
        for (size_t i = 0; i < N_KEYS; i++) {
                if (!str_eq(keys[i].name, name))
                        continue;
                if (!registry)
                        return err_set(e, EINVAL, "'%s' stands before the first [HOST]", name);
                if (!*value)
                        return err_set(e, EINVAL, "'%s' has no value", name);
                return keys[i].set(r, registry, value, e);
        }
        return unknown_key(name, e);
}

static int read_line(struct registries *r, char *line, const char *file, struct registry **current,
                     struct err *e)
{
        if (*line == '\0' || *line == '#')
                return 0;
        if (*line == '[')
                return start_section(r, line, file, current, e);
        return set_key(r, *current, line, e);
}

int registries_read(struct registries *r, char *text, const char *file, struct err *e)
{
        const char *name = arena_copy(&r->arena, file, e);
        size_t current = SIZE_MAX;
        unsigned number = 0;

        if (!name)
                return -e->code;
        for (char *at = text, *line; (line = str_next_field(&at, '\n')) != NULL;) {
                /* the list may move when it grows */
                struct registry *registry = current == SIZE_MAX ? NULL : &r->items[current];

                number++;
                if (read_line(r, str_trim(line), name, &registry, e) < 0)
                        return err_prefix(e, "%s:%u", file, number);
                if (registry)
                        current = (size_t)(registry - r->items);
        }
        return 0;
}

static int load(struct registries *r, const char *path, struct err *e)
{
        autofree char *text = NULL;
        struct err unread = { 0 };
        size_t len;

        if (io_read_file(AT_FDCWD, path, REGISTRIES_MAX_TEXT, &text, &len, &unread) < 0) {
                if (unread.code == ENOENT || unread.code == ENOTDIR)
                        return 0;
                *e = unread;
                return -e->code;
        }
        if (strlen(text) != len)
                return err_set(e, EINVAL, "'%s' is no text: it holds a NUL byte", path);
        return registries_read(r, text, path, e);
}

int registries_load(struct registries *r, const char *config_dir, struct err *e)
{
        if (load(r, SYSTEM_FILE, e) < 0)
                return -e->code;
        if (!config_dir)
                return 0;
        const char *path = arena_print(&r->arena, e, "%s/kelp/" FILE_NAME, config_dir);
        return path ? load(r, path, e) : -e->code;
}

const struct registry *registries_find(const struct registries *r, const char *host)
{
        return find(r, host);
}

void registries_done(struct registries *r)
{
        arena_done(&r->arena);
        *r = (struct registries){ 0 };
}
