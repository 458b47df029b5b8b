#include "find.h"

#include "ref.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST_ID 12

/* Names of one repository; what is more is left out. */
#define MAX_SHOWN 8

/* What stands before a tag or a digest. */
static size_t repo_len(const char *name)
{
        const char *slash = strrchr(name, '/');
        size_t start = slash ? (size_t)(slash - name) : 0;

        return start + strcspn(name + start, ":@");
}

/* The names of the same repository with other tags; false when there are none. */
static bool hint_repo(const struct catalog *c, const char *arg, struct err *e)
{
        size_t len = repo_len(arg);
        char names[300] = "";
        size_t used = 0;
        size_t n = 0;

        for (size_t i = 0; i < c->n_names && used < sizeof(names); i++) {
                const char *name = c->names[i].name;

                if (repo_len(name) != len || memcmp(name, arg, len) != 0)
                        continue;
                if (++n > MAX_SHOWN)
                        break;
                used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
                                         n > 1 ? ", " : "", name);
        }
        if (n > 0)
                err_hint(e, "there is %s", names);
        return n > 0;
}

static int hint_nearest(struct catalog *c, const char *arg, struct err *e)
{
        struct err lost = { 0 };
        autofree const char **names = mem_alloc((c->n_names + 1) * sizeof(*names), &lost);

        for (size_t i = 0; names && i < c->n_names; i++) {
                const char *name = c->names[i].name;
                size_t len = strlen(name);

                /* as it is typed */
                if (str_has_suffix(name, ":latest"))
                        len -= strlen(":latest");
                names[i] = arena_copy_n(&c->arena, name, len, &lost);
                if (!names[i])
                        break;
        }
        const char *nearest = names ? str_nearest(arg, names) : NULL;
        if (nearest)
                return err_hint(e, "did you mean '%.100s'?", nearest);
        return err_hint(e, "`kelp images` lists the images");
}

int find_unknown(struct catalog *c, const char *arg, struct err *e)
{
        err_set(e, ENOENT, "there is no image '%.200s'", arg);
        return hint_repo(c, arg, e) ? -e->code : hint_nearest(c, arg, e);
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
        const char *hex = str_has_prefix(arg, "sha256:") ? arg + strlen("sha256:") : arg;
        size_t len = strlen(hex);
        size_t found = c->n_images;

        if (len < SHORTEST_ID || strspn(hex, "0123456789abcdef") != len)
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
        size_t name;
        size_t at;

        *ret_name = NULL;
        if (find_name(c, arg, &name)) {
                if (c->names[name].damage)
                        return damaged(c, name, e);
                *ret_name = c->names[name].name;
                for (at = 0; at < c->n_images; at++) {
                        if (digest_is_same(&c->images[at].image.id, &c->names[name].id))
                                break;
                }
                if (at == c->n_images)
                        return find_unknown(c, arg, e);
        } else if (find_id(c, arg, &at, e) < 0) {
                return -e->code;
        }
        *ret = &c->images[at].image;
        return 0;
}
