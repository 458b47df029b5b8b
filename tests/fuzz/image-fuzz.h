#ifndef KELP_TESTS_FUZZ_IMAGE_FUZZ_H
#define KELP_TESTS_FUZZ_IMAGE_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The entry of libFuzzer; and, without it, a main() that takes each file of a corpus once. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef KELP_LIBFUZZER
static int image_fuzz_file(const char *path)
{
        static uint8_t data[1 << 20];
        FILE *in = fopen(path, "rb");

        if (!in) {
                perror(path);
                return 1;
        }
        size_t n = fread(data, 1, sizeof(data), in);
        fclose(in);
        /* a copy of just that size, so that a sanitizer sees what lies behind it */
        uint8_t *copy = malloc(n ? n : 1);
        if (!copy)
                return 1;
        for (size_t i = 0; i < n; i++)
                copy[i] = data[i];
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
        return 0;
}

int main(int argc, char **argv)
{
        int failed = argc < 2;

        for (int i = 1; i < argc; i++)
                failed |= image_fuzz_file(argv[i]);
        return failed;
}
#endif

#endif
