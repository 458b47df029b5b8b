/* Any bytes as registries.conf. */

#include "fuzz.h"
#include "registries.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        autoregistries r = { 0 };
        struct err e = { 0 };
        char *text = fuzz_text(data, size);

        if (registries_read(&r, text, "file", &e) < 0 && strncmp(e.text, "file:", 5) != 0)
                abort();
        for (size_t i = 0; i < r.n; i++) {
                if (!r.items[i].host[0] || strpbrk(r.items[i].host, "/@ ") ||
                    registries_find(&r, r.items[i].host) != &r.items[i] ||
                    r.items[i].n_mirrors > REGISTRIES_MAX_MIRRORS)
                        abort();
                for (size_t j = 0; j < r.items[i].n_mirrors; j++) {
                        if (strncmp(r.items[i].mirrors[j], "http", 4) != 0)
                                abort();
                }
        }
        free(text);
        return 0;
}
