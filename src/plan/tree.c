#include "tree.h"

#include "fd.h"

#include <assert.h>

static const char *const kind_names[] = {
        [TREE_DIR] = "dir",       [TREE_SYMLINK] = "symlink", [TREE_FILE] = "file",
        [TREE_BIND] = "bind",     [TREE_PIN] = "pin",         [TREE_EMPTY] = "empty",
        [TREE_TMPFS] = "tmpfs",   [TREE_PROC] = "proc",       [TREE_SYSFS] = "sysfs",
        [TREE_DEVPTS] = "devpts", [TREE_MQUEUE] = "mqueue",   [TREE_OVERLAY] = "overlay",
};
static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == TREE_OVERLAY + 1,
              "a name for every kind of entry");

const char *tree_kind_name(enum tree_kind kind)
{
        return kind_names[kind];
}

struct tree_entry *tree_add(struct tree *t, enum tree_kind kind, const char *box_path,
                            const char *origin, struct err *e)
{
        if (arena_grow(&t->arena, &t->entries, t->n_entries, sizeof(*t->entries), TREE_MAX_ENTRIES,
                       "mounts", e) < 0)
                return NULL;

        struct tree_entry *entry = &t->entries[t->n_entries++];
        *entry = (struct tree_entry){
                .kind = kind,
                .box_path = box_path,
                .fd = -1,
                .origin = origin,
        };
        return entry;
}

int tree_note_pattern(struct tree *t, const char *text, const char *origin, size_t n_matches,
                      struct err *e)
{
        for (size_t i = 0; i < t->n_patterns; i++) {
                if (t->patterns[i].text == text && t->patterns[i].origin == origin) {
                        t->patterns[i].n_matches += n_matches;
                        return 0;
                }
        }
        if (arena_grow(&t->arena, &t->patterns, t->n_patterns, sizeof(*t->patterns),
                       TREE_MAX_ENTRIES, "patterns", e) < 0)
                return -e->code;
        t->patterns[t->n_patterns++] = (struct tree_pattern){ text, origin, n_matches };
        return 0;
}

void tree_done(struct tree *t)
{
        for (size_t i = 0; i < t->n_entries; i++)
                fd_close(&t->entries[i].fd);
        arena_done(&t->arena);
        *t = (struct tree){ 0 };
}
