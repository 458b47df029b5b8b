#include "tree.h"

#include "fd.h"

#include <assert.h>
#include <string.h>

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

/* Below this many entries a look at each of them is quicker, and the index would only take room. */
#define MIN_INDEXED 512

/* Chains of entries by the hash of their places, the last one first; numbers count from 1. */
struct tree_index {
        size_t n_slots; /* a power of two, and room for as many entries */
        uint32_t *slots;
        uint32_t *next;
};

/* FNV-1a */
static uint32_t hash_place(const char *path, size_t len)
{
        uint32_t hash = 2166136261u;

        for (size_t i = 0; i < len; i++)
                hash = (hash ^ (unsigned char)path[i]) * 16777619u;
        return hash;
}

static void index_entry(struct tree *t, size_t i)
{
        struct tree_index *index = t->index;
        const char *path = t->entries[i].box_path;
        size_t slot = hash_place(path, strlen(path)) & (index->n_slots - 1);

        index->next[i] = index->slots[slot];
        index->slots[slot] = (uint32_t)i + 1;
}

/* The arrays belong to the arena, as all of the list does: it is copied to another process. */
int tree_index_again(struct tree *t, struct err *e)
{
        struct tree_index *index = t->index;

        if (t->n_entries < MIN_INDEXED)
                return 0;
        if (!index)
                index = arena_alloc(&t->arena, sizeof(*index), e);
        if (!index)
                return -e->code;
        if (t->n_entries > index->n_slots) {
                size_t n = index->n_slots ? 2 * index->n_slots : 4 * MIN_INDEXED;

                index->slots = arena_alloc(&t->arena, n * sizeof(*index->slots), e);
                index->next = arena_alloc(&t->arena, n * sizeof(*index->next), e);
                if (!index->slots || !index->next)
                        return -e->code;
                index->n_slots = n;
        }
        t->index = index;
        memset(index->slots, 0, index->n_slots * sizeof(*index->slots));
        for (size_t i = 0; i < t->n_entries; i++)
                index_entry(t, i);
        return 0;
}

static bool is_at(const struct tree_entry *entry, const char *box_path, size_t len)
{
        return strncmp(entry->box_path, box_path, len) == 0 && entry->box_path[len] == '\0';
}

const struct tree_entry *tree_find_last(const struct tree *t, const char *box_path, size_t len,
                                        const struct tree_entry *before)
{
        const struct tree_index *index = t->index;
        size_t end = before ? (size_t)(before - t->entries) : t->n_entries;

        if (!index) {
                while (end > 0 && !is_at(&t->entries[end - 1], box_path, len))
                        end--;
                return end > 0 ? &t->entries[end - 1] : NULL;
        }
        size_t at = index->slots[hash_place(box_path, len) & (index->n_slots - 1)];
        while (at > 0 && (at > end || !is_at(&t->entries[at - 1], box_path, len)))
                at = index->next[at - 1];
        return at > 0 ? &t->entries[at - 1] : NULL;
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
        if (t->index && t->n_entries <= t->index->n_slots)
                index_entry(t, t->n_entries - 1);
        else if (tree_index_again(t, e) < 0)
                return NULL;
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
