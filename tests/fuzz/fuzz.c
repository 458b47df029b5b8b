#include "fuzz.h"

#include "io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *fuzz_text(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);

        if (!text)
                abort();
        memcpy(text, data, size);
        text[size] = '\0';
        return text;
}

#ifndef KELP_LIBFUZZER
#define MOST_BYTES (1u << 20)
#define MOST_FILES 64

struct file {
        char *data;
        size_t size;
};

/* xorshift64*: the same numbers everywhere. */
static uint64_t next_random(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * 2685821657736338717ull;
}

/* In a block of just that size, so that a sanitizer sees what lies behind it. */
static void take(const char *data, size_t size)
{
        autofree uint8_t *copy = malloc(size ? size : 1);

        if (!copy)
                abort();
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
}

/* One change: a bit, a byte, a part taken out, or a part of another file put in. */
static size_t change(char *data, size_t size, const struct file *other, uint64_t *state)
{
        static const uint8_t telling[] = {
                0, 1, '"', '/', '.', ':', '@', '\n', '[', '{', 0x7f, 0xff
        };
        size_t at = size ? next_random(state) % size : 0;
        size_t len = 1 + next_random(state) % 32;
        uint64_t kind = size ? next_random(state) % 4 : 3;

        if (kind == 0) {
                data[at] ^= (char)(1u << next_random(state) % 8);
                return size;
        }
        if (kind == 1) {
                data[at] = (char)telling[next_random(state) % sizeof(telling)];
                return size;
        }
        if (kind == 2) {
                len = len < size - at ? len : size - at;
                memmove(data + at, data + at + len, size - at - len);
                return size - len;
        }
        size_t from = other->size ? next_random(state) % other->size : 0;
        len = len < other->size - from ? len : other->size - from;
        len = len < MOST_BYTES - size ? len : MOST_BYTES - size;
        memmove(data + at + len, data + at, size - at);
        memcpy(data + at, other->data + from, len);
        return size + len;
}

static void take_changed(const struct file *files, size_t n, unsigned long rounds)
{
        static char data[MOST_BYTES];
        uint64_t state = 1;

        for (unsigned long i = 0; i < rounds; i++) {
                const struct file *file = &files[next_random(&state) % n];
                size_t size = file->size;

                memcpy(data, file->data, size);
                for (uint64_t changes = 1 + next_random(&state) % 6; changes > 0; changes--)
                        size = change(data, size, &files[next_random(&state) % n], &state);
                take(data, size);
        }
}

int main(int argc, char **argv)
{
        struct file files[MOST_FILES] = { 0 };
        unsigned long rounds = 0;
        size_t n = 0;
        int first = 1;

        if (argc > 2 && strcmp(argv[1], "-r") == 0) {
                rounds = strtoul(argv[2], NULL, 10);
                first = 3;
        }
        for (int i = first; i < argc; i++, n++) {
                struct err e = { 0 };

                if (n == MOST_FILES || io_read_file(AT_FDCWD, argv[i], MOST_BYTES, &files[n].data,
                                                    &files[n].size, &e) < 0) {
                        fprintf(stderr, "%s: %s\n", argv[i], e.text);
                        return 1;
                }
                take(files[n].data, files[n].size);
        }
        if (n == 0)
                return 1;
        take_changed(files, n, rounds);
        while (n > 0)
                free(files[--n].data);
        return 0;
}
#endif
