/* Any text as an image's file in the store: an error, or something that is written as it was read. */

#include "fuzz.h"
#include "image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        autoimage image = { 0 };
        autoimage again = { 0 };
        struct err e = { 0 };
        char *text = fuzz_text(data, size);
        char *first;
        char *second;

        int r = image_read(text, &image, &e);
        free(text);
        if (r < 0) {
                if (e.code <= 0 || !e.text[0])
                        abort();
                return 0;
        }
        if (image_write(&image, true, &first, &e) < 0)
                abort();
        char *copy = strdup(first);
        if (image_read(copy, &again, &e) < 0 || image_write(&again, true, &second, &e) < 0 ||
            strcmp(first, second) != 0)
                abort();
        free(copy);
        free(first);
        free(second);
        return 0;
}
