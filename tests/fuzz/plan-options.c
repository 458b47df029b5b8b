/* Any lines as the words behind `kelp run`. */

#include "plan-fuzz.h"

#include "str.h"

#include <stdlib.h>

#define MAX_WORDS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *argv[MAX_WORDS + 1];
        char *text = fuzz_text(data, size);
        char *at = text;
        size_t n = 0;
        struct made m;

        while (at && n < MAX_WORDS)
                argv[n++] = str_next_field(&at, '\n');
        argv[n] = NULL;
        made_start(&m);
        m.policy_text = "[network]\nmode = user\n";
        m.env_text = "A=b\n";
        made_run(&m, argv);
        /* without an image and a command the caller asks no further */
        if (m.plan.root == PLAN_ROOT_HOST || m.plan.image.name)
                fuzz_judge(&m);
        made_done(&m);
        free(text);
        return 0;
}
