#include "place.h"

#include "path.h"
#include "str.h"

#include <string.h>

static bool is_mount(const struct tree_entry *entry)
{
        return entry->kind != TREE_DIR && entry->kind != TREE_SYMLINK;
}

const struct tree_entry *place_owner(const struct tree *t, const char *box_path)
{
        const struct tree_entry *owner = NULL;
        size_t best = 0;

        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];
                size_t len = strlen(entry->box_path);

                if (is_mount(entry) && len >= best && path_is_in(box_path, entry->box_path)) {
                        owner = entry;
                        best = len;
                }
        }
        return owner;
}

bool place_is_ours(const struct tree *t, const char *box_path)
{
        const struct tree_entry *owner = place_owner(t, box_path);

        if (!owner || owner->kind != TREE_TMPFS)
                return false;
        for (size_t i = 0; i < t->n_entries; i++) {
                const struct tree_entry *entry = &t->entries[i];

                if (entry->kind == TREE_SYMLINK && path_is_in(box_path, entry->box_path))
                        return false;
        }
        return true;
}

const struct tree_entry *place_find(const struct tree *t, const char *box_path)
{
        for (size_t i = t->n_entries; i > 0; i--) {
                if (str_eq(t->entries[i - 1].box_path, box_path))
                        return &t->entries[i - 1];
        }
        return NULL;
}

int place_make_parents(struct tree *t, const char *box_path, const char *origin, struct err *e)
{
        const char *slash = box_path;

        while ((slash = strchr(slash + 1, '/'))) {
                char *parent = arena_copy_n(&t->arena, box_path, (size_t)(slash - box_path), e);

                if (!parent)
                        return -e->code;
                if (place_find(t, parent) || !place_is_ours(t, parent))
                        continue;
                struct tree_entry *entry = tree_add(t, TREE_DIR, parent, origin, e);
                if (!entry)
                        return -e->code;
                entry->mode = 0755;
        }
        return 0;
}
