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
static int take_file(const char *path)
{
        autofree char *data = NULL;
        size_t len = 0;
        struct err e = { 0 };

        if (io_read_file(AT_FDCWD, path, 1024 * 1024, &data, &len, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                return 1;
        }
        /* a copy of just that size, so that a sanitizer sees what lies behind it */
        autofree uint8_t *copy = malloc(len ? len : 1);
        if (!copy)
                abort();
        memcpy(copy, data, len);
        LLVMFuzzerTestOneInput(copy, len);
        return 0;
}

int main(int argc, char **argv)
{
        int failed = argc < 2;

        for (int i = 1; i < argc; i++)
                failed |= take_file(argv[i]);
        return failed;
}
#endif
