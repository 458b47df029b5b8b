/* Any text as the image.policy of an image, and as the file of --env-file. */

#include "plan-fuzz.h"

#include <stdlib.h>

static void try_text(const char *image_text, const char *const *argv, const char *env_text)
{
        struct made m;

        made_start(&m);
        m.image_text = image_text;
        m.env_text = env_text;
        made_run(&m, argv);
        fuzz_judge(&m);
        made_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *plain[] = { "img", NULL };
        const char *command[] = { "--userns", "single", "img", "x", NULL };
        const char *file[] = { "--env-file", "./f", "--", "x", NULL };
        char *text = fuzz_text(data, size);

        try_text(text, plain, NULL);
        try_text(text, command, NULL);
        try_text(NULL, file, text);
        free(text);
        return 0;
}
