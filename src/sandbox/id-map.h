#ifndef KELP_SANDBOX_ID_MAP_H
#define KELP_SANDBOX_ID_MAP_H

#include "err.h"
#include "subids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * Adds the user's subordinate ranges, which come from `file`.  Behind a root they follow each other
 * from 1 on; behind any other id they keep their numbers.  Errors: none is there (ENOENT), too
 * many, or one overlaps another or the user's own id (EINVAL).
 */
int id_map_add_subids(struct id_map *map, const struct host_subids *subids, const char *file,
                      struct err *e);

/* Whether `inner` has an id on the host. */
bool id_map_has(const struct id_map *map, uint32_t inner);

#endif
