#include "catalog.h"

#include "ref.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct loading {
        const struct store *store;
        struct catalog *c;
};

static int load_id(int dir, const char *file, struct digest *ret, struct err *e)
{
        autoimage image = { 0 };

        if (store_read_image(dir, file, &image, e) < 0)
                return -e->code;
        *ret = image.id;
        return 0;
}

/* Takes over an error that is about the file alone. */
static int note_damage(struct catalog *c, struct catalog_name *entry, struct err *e)
{
        struct err why = *e;

        if (why.code == ENOMEM || why.code == EMFILE || why.code == ENFILE)
                return -e->code;
        *e = (struct err){ 0 };
        entry->id.hex[0] = '\0';
        entry->damage = arena_copy_n(&c->arena, why.text, (size_t)err_message_len(&why), e);
        return entry->damage ? 0 : -e->code;
}

static int add(struct catalog *c, int dir, const char *file, const char *name,
               struct catalog_name **list, size_t *n, struct err *e)
{
        struct catalog_name entry = { .file = arena_copy(&c->arena, file, e),
                                      .name = arena_copy(&c->arena, name, e) };

        if (!entry.file || !entry.name)
                return -e->code;
        int r = load_id(dir, file, &entry.id, e);
        if (r == -ENOENT) {
                /* removed since the directory was listed: who only looks holds no lock */
                *e = (struct err){ 0 };
                return 0;
        }
        if ((r < 0 && note_damage(c, &entry, e) < 0) ||
            arena_grow(&c->arena, list, *n, sizeof(entry), CATALOG_MAX, "names", e) < 0)
                return -e->code;
        struct stat st;
        if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
                entry.used = st.st_mtim;
        (*list)[(*n)++] = entry;
        return 0;
}

static int add_name(void *context, const char *file, struct err *e)
{
        struct loading *l = context;
        char name[REF_MAX + 1];

        struct err unused = { 0 };
        /* what no name has made is damaged anyway: it is called by what it is */
        bool is_name = ref_decode(file, name, &unused) == 0;
        return add(l->c, l->store->names, file, is_name ? name : file, &l->c->names, &l->c->n_names,
                   e);
}

static int add_path(void *context, const char *file, struct err *e)
{
        struct loading *l = context;

        return add(l->c, l->store->paths, file, file, &l->c->paths, &l->c->n_paths, e);
}

static int add_damaged(struct catalog *c, const char *file, struct err *e)
{
        struct catalog_name entry = { 0 };

        if (note_damage(c, &entry, e) < 0)
                return -e->code;
        entry.file = arena_copy(&c->arena, file, e);
        if (!entry.file || arena_grow(&c->arena, &c->damaged, c->n_damaged, sizeof(entry),
                                      CATALOG_MAX, "images", e) < 0)
                return -e->code;
        entry.name = entry.file;
        c->damaged[c->n_damaged++] = entry;
        return 0;
}

static int add_image(void *context, const char *file, struct err *e)
{
        struct loading *l = context;
        struct catalog *c = l->c;
        struct stat st;

        if (arena_grow(&c->arena, &c->images, c->n_images, sizeof(*c->images), CATALOG_MAX,
                       "images", e) < 0)
                return -e->code;
        struct catalog_image *entry = &c->images[c->n_images];
        *entry = (struct catalog_image){ 0 };
        int r = store_read_image(l->store->images, file, &entry->image, e);
        if (r == 0 && !str_eq(file, entry->image.id.hex))
                r = err_set(e, EINVAL, "'%.100s' in the image store is another image", file);
        if (r < 0) {
                image_done(&entry->image);
                return add_damaged(c, file, e);
        }
        c->n_images++;
        if (fstatat(l->store->images, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
                entry->used = st.st_mtim;
        entry->imported = entry->used.tv_sec;
        /* nobody touches a blob */
        if (fstatat(l->store->blobs, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
                entry->imported = st.st_mtime;
        return 0;
}

static int compare(const void *a, const void *b)
{
        const struct catalog_name *x = a;
        const struct catalog_name *y = b;

        return strcmp(x->name, y->name);
}

static int compare_ids(const void *a, const void *b)
{
        const struct catalog_image *x = a;
        const struct catalog_image *y = b;

        return strcmp(x->image.id.hex, y->image.id.hex);
}

int catalog_load(const struct store *store, struct catalog *ret, struct err *e)
{
        struct loading l = { store, ret };

        *ret = (struct catalog){ 0 };
        if (store_list(store->names, add_name, &l, e) < 0 ||
            store_list(store->paths, add_path, &l, e) < 0 ||
            store_list(store->images, add_image, &l, e) < 0)
                return -e->code;
        if (ret->n_names > 0)
                qsort(ret->names, ret->n_names, sizeof(*ret->names), compare);
        if (ret->n_images > 0)
                qsort(ret->images, ret->n_images, sizeof(*ret->images), compare_ids);
        return 0;
}

const struct catalog_image *catalog_find_image(const struct catalog *c, const struct digest *id)
{
        for (size_t i = 0; i < c->n_images; i++) {
                if (digest_is_same(&c->images[i].image.id, id))
                        return &c->images[i];
        }
        return NULL;
}

bool catalog_has_name(const struct catalog *c, const struct digest *id)
{
        for (size_t i = 0; i < c->n_names; i++) {
                if (digest_is_same(&c->names[i].id, id))
                        return true;
        }
        return false;
}

static bool get_damage(const char *what, const struct catalog_name *found, struct err *ret)
{
        err_set(ret, EINVAL, "the %s '%.100s' cannot be read: %s", what, found->name,
                found->damage);
        err_hint(ret, "kelp rmi '%.100s', and import it again", found->name);
        return true;
}

bool catalog_get_damaged_name(const struct catalog *c, size_t n, struct err *ret)
{
        for (size_t i = 0; i < c->n_names; i++) {
                if (c->names[i].damage && n-- == 0)
                        return get_damage("name", &c->names[i], ret);
        }
        return false;
}

bool catalog_get_damaged_image(const struct catalog *c, size_t n, struct err *ret)
{
        return n < c->n_damaged && get_damage("image", &c->damaged[n], ret);
}

bool catalog_get_damage(const struct catalog *c, size_t n, struct err *ret)
{
        size_t names = 0;

        if (catalog_get_damaged_name(c, n, ret))
                return true;
        for (size_t i = 0; i < c->n_names; i++)
                names += c->names[i].damage != NULL;
        return catalog_get_damaged_image(c, n - names, ret);
}

int catalog_check(const struct catalog *c, struct err *e)
{
        return catalog_get_damage(c, 0, e) ? -e->code : 0;
}

void catalog_done(struct catalog *c)
{
        for (size_t i = 0; i < c->n_images; i++)
                image_done(&c->images[i].image);
        arena_done(&c->arena);
        *c = (struct catalog){ 0 };
}
