/* Any text as the policy of the user's own, for a view of this host and for an image. */

#include "plan-fuzz.h"

#include <stdlib.h>

static void try_text(const char *text, const char *where)
{
        const char *argv[] = { "--policy", "./fuzz.policy", where, "x", NULL };
        struct made m;

        made_start(&m);
        m.policy_text = text;
        made_run(&m, argv);
        fuzz_judge(&m);
        made_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = fuzz_text(data, size);

        try_text(text, "--");
        try_text(text, "img");
        free(text);
        return 0;
}
