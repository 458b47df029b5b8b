#include "notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void notice_say(const struct notice *n, const char *fmt, ...)
{
        char text[600];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        n->say(n->user, text);
}

void notice_debug(const struct notice *n, const char *fmt, ...)
{
        char text[600];
        va_list args;

        if (!n->debug)
                return;
        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        n->debug(n->user, text);
}

void notice_ignore(const struct notice *n, struct err *e)
{
        notice_say(n, "%.*s, ignoring", err_message_len(e), e->text);
        memset(e, 0, sizeof(*e));
}
