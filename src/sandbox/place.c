#include "place.h"

#include "path.h"
#include "str.h"

#include <string.h>

static bool is_mount(const struct tree_entry *entry)
{
        return entry->kind != TREE_DIR && entry->kind != TREE_SYMLINK;
}

/* The length of what `box_path`, `len` bytes of it, lies in; 0 above "/". */
static size_t parent_len(const char *box_path, size_t len)
{
        if (len <= 1)
                return 0;
        while (box_path[len - 1] != '/')
                len--;
        return len > 1 ? len - 1 : 1;
}

const struct tree_entry *place_owner(const struct tree *t, const char *box_path)
{
        for (size_t len = strlen(box_path); len > 0; len = parent_len(box_path, len)) {
                const struct tree_entry *entry = tree_find_last(t, box_path, len, NULL);

                while (entry && !is_mount(entry))
                        entry = tree_find_last(t, box_path, len, entry);
                if (entry)
                        return entry;
        }
        return NULL;
}

static bool is_through_link(const struct tree *t, const char *box_path)
{
        for (size_t len = strlen(box_path); len > 0; len = parent_len(box_path, len)) {
                const struct tree_entry *entry = tree_find_last(t, box_path, len, NULL);

                while (entry && entry->kind != TREE_SYMLINK)
                        entry = tree_find_last(t, box_path, len, entry);
                if (entry)
                        return true;
        }
        return false;
}

bool place_is_ours(const struct tree *t, const char *box_path)
{
        const struct tree_entry *owner = place_owner(t, box_path);

        return owner && owner->kind == TREE_TMPFS && !is_through_link(t, box_path);
}

const struct tree_entry *place_find(const struct tree *t, const char *box_path)
{
        return tree_find_last(t, box_path, strlen(box_path), NULL);
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
