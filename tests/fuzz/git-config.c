/* Any bytes as a git configuration: paths that end, and an end of the walk. */

#include "git-config.h"
#include "io.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct git_config c = { .at = (const char *)data, .end = (const char *)data + size };
        struct git_config_path found;

        while (git_config_next(&c, &found)) {
                if (found.value[0] == '\0' || !memchr(found.value, '\0', sizeof(found.value)))
                        abort();
        }
        if (c.at != c.end)
                abort();
        return 0;
}

#ifndef KELP_LIBFUZZER
/* Without libFuzzer: each file once. */
int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                autofree char *data = NULL;
                size_t len = 0;
                struct err e = { 0 };

                if (io_read_file(AT_FDCWD, argv[i], 1024 * 1024, &data, &len, &e) < 0) {
                        fprintf(stderr, "%s\n", e.text);
                        return 1;
                }
                LLVMFuzzerTestOneInput((const uint8_t *)data, len);
        }
        return 0;
}
#endif
