#ifndef KELP_TESTS_FUZZ_IMAGE_FUZZ_H
#define KELP_TESTS_FUZZ_IMAGE_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The entry of libFuzzer; and, without it, a main() that takes each file of a corpus once, and then
 * a fixed number of changed ones, always the same:
 *
 *     PROGRAM [-r ROUNDS] FILE...
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef KELP_LIBFUZZER
#define FUZZ_MOST  (1u << 20)
#define FUZZ_FILES 64

struct fuzz_file {
        uint8_t *data;
        size_t size;
};

/* xorshift64*: the same numbers everywhere. */
static uint64_t fuzz_random(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * 2685821657736338717ull;
}

static int fuzz_read(const char *path, struct fuzz_file *ret)
{
        static uint8_t data[FUZZ_MOST];
        FILE *in = fopen(path, "rb");

        if (!in) {
                perror(path);
                return 1;
        }
        ret->size = fread(data, 1, sizeof(data), in);
        fclose(in);
        ret->data = malloc(ret->size ? ret->size : 1);
        if (!ret->data)
                return 1;
        memcpy(ret->data, data, ret->size);
        return 0;
}

/* In a block of just that size, so that a sanitizer sees what lies behind it. */
static void fuzz_one(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);

        if (!copy)
                abort();
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
}

/* One change: a bit, a byte, a part taken out, or a part of another file put in. */
static size_t fuzz_change(uint8_t *data, size_t size, const struct fuzz_file *other,
                          uint64_t *state)
{
        static const uint8_t telling[] = {
                0, 1, '"', '/', '.', ':', '@', '\n', '[', '{', 0x7f, 0xff
        };
        size_t at = size ? fuzz_random(state) % size : 0;
        size_t len = 1 + fuzz_random(state) % 32;

        switch (size ? fuzz_random(state) % 4 : 3) {
        case 0:
                data[at] ^= (uint8_t)(1u << fuzz_random(state) % 8);
                return size;
        case 1:
                data[at] = telling[fuzz_random(state) % sizeof(telling)];
                return size;
        case 2:
                len = len < size - at ? len : size - at;
                memmove(data + at, data + at + len, size - at - len);
                return size - len;
        default: {
                size_t from = other->size ? fuzz_random(state) % other->size : 0;

                len = len < other->size - from ? len : other->size - from;
                len = len < FUZZ_MOST - size ? len : FUZZ_MOST - size;
                memmove(data + at + len, data + at, size - at);
                memcpy(data + at, other->data + from, len);
                return size + len;
        }
        }
}

static void fuzz_rounds(const struct fuzz_file *files, size_t n, unsigned long rounds)
{
        static uint8_t data[FUZZ_MOST];
        uint64_t state = 1;

        for (unsigned long i = 0; i < rounds; i++) {
                const struct fuzz_file *file = &files[fuzz_random(&state) % n];
                size_t size = file->size;

                memcpy(data, file->data, size);
                for (uint64_t changes = 1 + fuzz_random(&state) % 6; changes > 0; changes--)
                        size = fuzz_change(data, size, &files[fuzz_random(&state) % n], &state);
                fuzz_one(data, size);
        }
}

int main(int argc, char **argv)
{
        struct fuzz_file files[FUZZ_FILES];
        unsigned long rounds = 0;
        size_t n = 0;
        int first = 1;

        if (argc > 2 && strcmp(argv[1], "-r") == 0) {
                rounds = strtoul(argv[2], NULL, 10);
                first = 3;
        }
        for (int i = first; i < argc && n < FUZZ_FILES; i++) {
                if (fuzz_read(argv[i], &files[n]) != 0)
                        return 1;
                fuzz_one(files[n].data, files[n].size);
                n++;
        }
        if (n == 0)
                return 1;
        fuzz_rounds(files, n, rounds);
        for (size_t i = 0; i < n; i++)
                free(files[i].data);
        return 0;
}
#endif

#endif
