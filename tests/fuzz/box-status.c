/* Any bytes as the status of a sandbox: what is taken can be shown, and comes back when it is written. */

#include "box-status.h"
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nothing that a terminal would obey. */
static void check_text(const char *text, size_t size)
{
        size_t len = strnlen(text, size);

        if (len == size)
                abort();
        for (size_t i = 0; i < len; i++) {
                if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
                        abort();
        }
}

static void check(const struct box_status *s)
{
        if (!box_is_id(s->id) || (unsigned)s->phase >= BOX_PHASE_COUNT || s->exit_code < -1 ||
            s->supervisor < -1 || s->init < -1)
                abort();
        check_text(s->name, sizeof(s->name));
        check_text(s->reason, sizeof(s->reason));
        check_text(s->command, sizeof(s->command));
        check_text(s->policy, sizeof(s->policy));
        check_text(s->image, sizeof(s->image));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = fuzz_text(data, size);
        char first[BOX_STATUS_SIZE];
        char second[BOX_STATUS_SIZE];
        struct box_status s;
        struct err e = { 0 };

        if (box_status_parse(text, &s, &e) == 0) {
                check(&s);
                size_t len = box_status_print(&s, first);
                char *copy = fuzz_text((const uint8_t *)first, len);

                if (len >= sizeof(first) || box_status_parse(copy, &s, &e) < 0 ||
                    box_status_print(&s, second) != len || memcmp(first, second, len) != 0)
                        abort();
                free(copy);
        } else if (e.code != EBADMSG) {
                abort();
        }
        free(text);
        return 0;
}
