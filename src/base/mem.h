#ifndef KELP_BASE_MEM_H
#define KELP_BASE_MEM_H

#include "err.h"

#include <stdarg.h>
#include <stddef.h>

/* Memory that lives for a scope, and memory that lives as long as what it belongs to. */

void mem_free_at(void *at);

/* Gives back the pages of the stack below the caller, which earlier and deeper calls have touched. */
void mem_release_stack(void);

/*
 * For a function that a supervisor is done with when it begins to wait: inlined, it would make the frame
 * of its caller, which stays, larger.
 */
#define MEM_OWN_FRAME __attribute__((noinline))

/* Gives back the stack above the caller's frame, which is at `frame`, for who never returns from there. */
void mem_release_callers(const void *frame);

/* And the heap, for who never again allocates or frees. */
void mem_release_heap(void);

#define autofree __attribute__((cleanup(mem_free_at)))

/* Zeroed memory, or NULL with `e` set. */
void *mem_alloc(size_t size, struct err *e);

/*
 * Room for one more item in a list of its own, of `n` items of `size` bytes: *list may move, and *room
 * is how many it has room for.
 */
int mem_grow(void *list, size_t n, size_t *room, size_t size, struct err *e);

/*
 * An arena: many small things that die together.  All its functions return NULL with `e` set
 * when there is no memory.  A zeroed struct is an empty arena.
 */
struct arena {
        struct arena_block *block;
};

/*
 * Makes `a`, which is empty, an arena for `what`, in one piece of at most `size` bytes.  A process
 * forked later has the same place free: what is copied there byte for byte is as good there as here.
 */
int arena_map(struct arena *a, size_t size, const char *what, struct err *e);

/* What is in use of such an arena. */
void *arena_mapped(struct arena *a, size_t *ret_size);

void *arena_alloc(struct arena *a, size_t size, struct err *e);
char *arena_copy(struct arena *a, const char *text, struct err *e);
char *arena_copy_n(struct arena *a, const char *text, size_t len, struct err *e);
char *arena_print(struct arena *a, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Room for one more item in a growing array of `n` items of `size` bytes at *items; more than
 * `limit` items are refused with E2BIG ("too many WHAT").  *items may move: the old array stays
 * behind in the arena.
 */
int arena_grow(struct arena *a, void *items, size_t n, size_t size, size_t limit, const char *what,
               struct err *e);
void arena_done(struct arena *a);

#endif
