#include "find.h"

#include "image-name.h"
#include "ref.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hint_names(struct catalog *c, const char **names, const char *arg, struct err *e)
{
        for (size_t i = 0; i < c->n_names; i++)
                names[i] = c->names[i].name;
        if (image_name_hint(&c->arena, names, arg, e))
                return -e->code;
        return err_hint(e, "`kelp images` lists the images");
}

int find_unknown(struct catalog *c, const char *arg, struct err *e)
{
        struct err lost = { 0 };
        autofree const char **names = mem_alloc((c->n_names + 1) * sizeof(*names), &lost);

        err_set(e, ENOENT, "there is no image '%.200s'", arg);
        return names ? hint_names(c, names, arg, e) : -e->code;
}

bool find_name(const struct catalog *c, const char *arg, size_t *ret)
{
        char whole[REF_MAX + 1];
        struct err unused = { 0 };

        /* the name of a damaged file may be none */
        if (ref_parse_any(arg, whole, &unused) < 0)
                snprintf(whole, sizeof(whole), "%s", arg);
        for (size_t i = 0; i < c->n_names; i++) {
                if (str_eq(c->names[i].name, whole) ||
                    (c->names[i].damage && str_eq(c->names[i].file, arg))) {
                        *ret = i;
                        return true;
                }
        }
        return false;
}

int find_id(struct catalog *c, const char *arg, size_t *ret, struct err *e)
{
        const char *hex = image_name_id_digits(arg);
        size_t found = c->n_images;

        if (!hex)
                return find_unknown(c, arg, e);
        for (size_t i = 0; i < c->n_images; i++) {
                if (!str_has_prefix(c->images[i].image.id.hex, hex))
                        continue;
                if (found < c->n_images)
                        return err_set(e, EINVAL, "more than one image has an id with '%s'", hex);
                found = i;
        }
        if (found == c->n_images)
                return find_unknown(c, arg, e);
        *ret = found;
        return 0;
}

static int damaged(const struct catalog *c, size_t name, struct err *e)
{
        size_t before = 0;

        for (size_t i = 0; i < name; i++)
                before += c->names[i].damage != NULL;
        return catalog_get_damage(c, before, e) ? -e->code : 0;
}

int find_image(struct catalog *c, const char *arg, const struct image **ret, const char **ret_name,
               struct err *e)
{
        const struct catalog_image *found;
        size_t name;
        size_t at;

        *ret_name = NULL;
        if (find_name(c, arg, &name)) {
                if (c->names[name].damage)
                        return damaged(c, name, e);
                *ret_name = c->names[name].name;
                found = catalog_find_image(c, &c->names[name].id);
                if (!found)
                        return find_unknown(c, arg, e);
        } else if (find_id(c, arg, &at, e) < 0) {
                return -e->code;
        } else {
                found = &c->images[at];
        }
        *ret = &found->image;
        return 0;
}
