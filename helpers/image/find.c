#include "find.h"

#include "ref.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST_ID 12

static int unknown(struct catalog *c, const char *arg, struct err *e)
{
        autofree const char **names = mem_alloc((c->n_names + 1) * sizeof(*names), e);

        if (!names)
                return -e->code;
        for (size_t i = 0; i < c->n_names; i++) {
                const char *name = c->names[i].name;
                size_t len = strlen(name);

                /* as it is typed */
                if (str_has_suffix(name, ":latest"))
                        len -= strlen(":latest");
                names[i] = arena_copy_n(&c->arena, name, len, e);
                if (!names[i])
                        return -e->code;
        }
        const char *nearest = str_nearest(arg, names);
        err_set(e, ENOENT, "there is no image '%.200s'", arg);
        if (nearest)
                return err_hint(e, "did you mean '%.100s'?", nearest);
        return err_hint(e, "`kelp images` lists the images");
}

static const struct image *by_id(const struct catalog *c, const char *hex, size_t *ret_n)
{
        const struct image *found = NULL;

        *ret_n = 0;
        for (size_t i = 0; i < c->n_images; i++) {
                if (!str_has_prefix(c->images[i].image.id.hex, hex))
                        continue;
                found = &c->images[i].image;
                (*ret_n)++;
        }
        return found;
}

static const char *by_name(const struct catalog *c, const char *arg, const struct digest **ret_id)
{
        char whole[REF_MAX + 1];
        struct err unused = { 0 };

        if (ref_parse_any(arg, whole, &unused) < 0)
                return NULL;
        for (size_t i = 0; i < c->n_names; i++) {
                if (!str_eq(c->names[i].name, whole))
                        continue;
                *ret_id = &c->names[i].id;
                return c->names[i].name;
        }
        return NULL;
}

int find_image(struct catalog *c, const char *arg, const struct image **ret, const char **ret_name,
               struct err *e)
{
        const char *hex = str_has_prefix(arg, "sha256:") ? arg + strlen("sha256:") : arg;
        const struct digest *id = NULL;
        size_t len = strlen(hex);
        size_t n = 0;

        *ret_name = by_name(c, arg, &id);
        if (id) {
                hex = id->hex;
        } else if (len < SHORTEST_ID || strspn(hex, "0123456789abcdef") != len) {
                return unknown(c, arg, e);
        }
        *ret = by_id(c, hex, &n);
        if (n > 1)
                return err_set(e, EINVAL, "more than one image has an id with '%s'", hex);
        return n == 1 ? 0 : unknown(c, arg, e);
}
