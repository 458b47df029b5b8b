#include "mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK_SIZE 4000

struct arena_block {
        struct arena_block *next;
        size_t used;
        size_t size;
        const char *what; /* of a mapping, the only block of its arena; NULL: it is from malloc */
        max_align_t data[];
};

void mem_free_at(void *at)
{
        int saved = errno;
        void *memory;

        memcpy(&memory, at, sizeof(memory));
        free(memory);
        errno = saved;
}

void mem_release_stack(void)
{
        const uintptr_t page = 4096;
        const uintptr_t depth = 64 * page;
        uintptr_t here = (uintptr_t)__builtin_frame_address(0);
        uintptr_t end = (here & ~(page - 1)) - page;

        /* what is not there, further down, is ENOMEM, after the rest was done: madvise(2) */
        madvise((void *)(end - depth), depth, MADV_DONTNEED);
}

static void give_back(uintptr_t from, uintptr_t to)
{
        const uintptr_t page = 4096;
        uintptr_t begin = (from + page - 1) & ~(page - 1);
        uintptr_t end = to & ~(page - 1);

        if (begin < end)
                madvise((void *)begin, end - begin, MADV_DONTNEED);
}

void mem_release_callers(const void *frame)
{
        /* with what was saved when it was called */
        const uintptr_t head = 64;

        /* the environment lies above all frames: execve(2) has put it there */
        give_back((uintptr_t)frame + head, (uintptr_t)environ);
}

void mem_release_heap(void)
{
        /* of libc for this thread; a program that is linked statically has it where its heap begins */
        const uintptr_t thread = 8192;

        give_back((uintptr_t)__builtin_thread_pointer() + thread, (uintptr_t)sbrk(0));
}

void *mem_alloc(size_t size, struct err *e)
{
        void *memory = calloc(1, size ? size : 1);

        if (!memory)
                err_set(e, ENOMEM, "out of memory");
        return memory;
}

int mem_grow(void *list, size_t n, size_t *room, size_t size, struct err *e)
{
        void *items;

        if (n < *room)
                return 0;
        size_t more = *room ? 2 * *room : 16;
        memcpy(&items, list, sizeof(items));
        void *grown = more < SIZE_MAX / size ? realloc(items, more * size) : NULL;
        if (!grown)
                return err_set(e, ENOMEM, "out of memory");
        memcpy(list, &grown, sizeof(grown));
        *room = more;
        return 0;
}

/* Arrays double: 4, 8, 16, ...; a full one has a power of two of items. */
static size_t capacity_after(size_t n)
{
        if (n == 0)
                return 4;
        if (n >= 4 && (n & (n - 1)) == 0)
                return 2 * n;
        return 0;
}

static struct arena_block *block_new(size_t at_least, struct err *e)
{
        size_t size = at_least > BLOCK_SIZE ? at_least : BLOCK_SIZE;
        struct arena_block *block = malloc(sizeof(*block) + size);

        if (!block) {
                err_set(e, ENOMEM, "out of memory");
                return NULL;
        }
        block->used = 0;
        block->size = size;
        block->what = NULL;
        block->next = NULL;
        return block;
}

int arena_map(struct arena *a, size_t size, const char *what, struct err *e)
{
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (memory == MAP_FAILED)
                return err_sys(e, "cannot reserve %zu MiB for %s", size >> 20, what);
        /* a kernel that hands out 2 MiB at once would clear them first */
        madvise(memory, size, MADV_NOHUGEPAGE);
        a->block = memory;
        /* the rest is zero: it is new */
        a->block->size = size - sizeof(*a->block);
        a->block->what = what;
        return 0;
}

void *arena_mapped(struct arena *a, size_t *ret_size)
{
        *ret_size = sizeof(*a->block) + a->block->used;
        return a->block;
}

void *arena_alloc(struct arena *a, size_t size, struct err *e)
{
        struct arena_block *block = a->block;

        if (size > SIZE_MAX / 2) {
                err_set(e, ENOMEM, "out of memory");
                return NULL;
        }
        size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
        if (block && block->what && block->size - block->used < size) {
                err_set(e, E2BIG, "%s is longer than %zu MiB", block->what, block->size >> 20);
                return NULL;
        }
        if (!block || block->size - block->used < size) {
                block = block_new(size, e);
                if (!block)
                        return NULL;
                block->next = a->block;
                a->block = block;
        }
        void *memory = (char *)block->data + block->used;
        block->used += size;
        if (!block->what)
                memset(memory, 0, size);
        return memory;
}

char *arena_copy_n(struct arena *a, const char *text, size_t len, struct err *e)
{
        char *copy = arena_alloc(a, len + 1, e);

        if (copy)
                memcpy(copy, text, len);
        return copy;
}

char *arena_copy(struct arena *a, const char *text, struct err *e)
{
        return arena_copy_n(a, text, strlen(text), e);
}

char *arena_print(struct arena *a, struct err *e, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        int len = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (len < 0) {
                err_set(e, EINVAL, "cannot format a text");
                return NULL;
        }
        char *text = arena_alloc(a, (size_t)len + 1, e);
        if (!text)
                return NULL;
        va_start(ap, fmt);
        vsnprintf(text, (size_t)len + 1, fmt, ap);
        va_end(ap);
        return text;
}

int arena_grow(struct arena *a, void *items, size_t n, size_t size, size_t limit, const char *what,
               struct err *e)
{
        size_t capacity = capacity_after(n);
        void *old;

        if (n >= limit)
                return err_set(e, E2BIG, "too many %s: the limit is %zu", what, limit);
        if (capacity == 0)
                return 0;
        memcpy(&old, items, sizeof(old));
        void *grown = arena_alloc(a, capacity * size, e);
        if (!grown)
                return -e->code;
        if (n > 0)
                memcpy(grown, old, n * size);
        memcpy(items, &grown, sizeof(grown));
        return 0;
}

void arena_done(struct arena *a)
{
        while (a->block) {
                struct arena_block *next = a->block->next;

                if (a->block->what)
                        munmap(a->block, sizeof(*a->block) + a->block->size);
                else
                        free(a->block);
                a->block = next;
        }
}
