#include "hint.h"

#include <stdio.h>
#include <string.h>

/* "why; fix: command", or as much of it as one error can hold. */
static void set_hint(struct err *e, const struct host_cause *cause)
{
        size_t room = sizeof(e->text) - (size_t)err_message_len(e) - 2;
        int first = (int)strcspn(cause->fix, "\n");
        size_t why = strlen(cause->why);

        if (first == 0 || why + 7 + (size_t)first > room)
                err_hint(e, "%s; 'kelp doctor' says what to do", cause->why);
        else
                err_hint(e, "%s; fix: %.*s", cause->why, first, cause->fix);
}

void host_hint(struct err *e, enum host_topic topic)
{
        struct host_view v = { .root_fd = -1 };
        struct host_cause cause;
        struct err unused = { 0 };

        if (e->code == 0 || err_get_hint(e))
                return;
        if (host_view_open(&v, "/", &unused) < 0)
                return;
        if (host_find_cause(&v, topic, e->code, &cause))
                set_hint(e, &cause);
        host_view_done(&v);
}
