#ifndef KELP_BASE_ID_MAP_H
#define KELP_BASE_ID_MAP_H

#include "err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The id maps of a user namespace as text and numbers, and newuidmap(1), which writes them. */

/* One line of an id map: `count` ids from `inner` on are the host's from `outer` on. */
struct id_range {
        uint32_t inner;
        uint32_t outer;
        uint32_t count;
};

#define ID_MAP_MAX 32

struct id_map {
        struct id_range ranges[ID_MAP_MAX];
        size_t n;
};

/* The user's own id as `inner`, and nothing else. */
void id_map_single(struct id_map *map, uint32_t inner, uint32_t outer);

/* Whether `inner` has an id on the host. */
bool id_map_has(const struct id_map *map, uint64_t inner);

/* Adds a range; E2BIG when there are too many, EINVAL when it overlaps another one. */
int id_map_add(struct id_map *map, const struct id_range *range, struct err *e);

/* The lines that the kernel takes. */
size_t id_map_print(const struct id_map *map, char *text, size_t size);
#define ID_MAP_TEXT_MAX ((size_t)ID_MAP_MAX * 36 + 1)

/* Both maps of a namespace. */
struct id_maps {
        struct id_map uids;
        struct id_map gids;
        bool by_helper; /* written by newuidmap and newgidmap, which are at: */
        char newuidmap[PATH_MAX];
        char newgidmap[PATH_MAX];
};

/*
 * Maps that helpers write, as a text of four lines: "uids = INNER:OUTER:COUNT,...", "gids = ...",
 * "newuidmap = PATH", "newgidmap = PATH".  Between kelp and kelp-image, and in the image store.
 */
void id_maps_print(const struct id_maps *maps, char *text, size_t size);
#define ID_MAPS_TEXT_MAX (2 * ID_MAP_TEXT_MAX + 2 * PATH_MAX + 64)

/* Strict: what id_maps_print() would not have written is EINVAL.  `text` is changed. */
int id_maps_parse(char *text, struct id_maps *ret, struct err *e);

/* Whether every id that `old` maps is mapped alike by `new_maps`. */
bool id_maps_contain(const struct id_maps *new_maps, const struct id_maps *old);

/*
 * Has the helpers write the maps of process `pid`; a map whose helper has no path is left alone.
 * EIO: one of them refused.
 */
int id_maps_write(pid_t pid, const struct id_maps *maps, struct err *e);

#endif
