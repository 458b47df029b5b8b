/* Any bytes as a git configuration: paths that end, and an end of the walk. */

#include "git-config.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

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
