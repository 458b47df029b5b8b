#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_name(int code)
{
        const char *text = strerrordesc_np(code);

        return text ? text : "unknown error";
}

/* Cut a text that did not fit at a character's start, so that it stays valid UTF-8. */
static void end_at_character(char *text, size_t len)
{
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
                len--;
        text[len] = '\0';
}

__attribute__((format(printf, 3, 0))) static void print_into(char *dst, size_t size,
                                                             const char *fmt, va_list ap)
{
        int n = vsnprintf(dst, size, fmt, ap);

        if (n < 0)
                dst[0] = '\0';
        else if ((size_t)n >= size)
                end_at_character(dst, size - 1);
}

static void append(struct err *e, const char *text)
{
        size_t len = strlen(e->text);
        size_t more = strlen(text);

        if (more >= sizeof(e->text) - len)
                more = sizeof(e->text) - len - 1;
        memcpy(e->text + len, text, more);
        e->text[len + more] = '\0';
}

int err_sys(struct err *e, const char *fmt, ...)
{
        int code = errno ? errno : EIO;
        va_list ap;

        va_start(ap, fmt);
        print_into(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        append(e, ": ");
        append(e, err_name(code));
        e->code = code;
        return -code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        print_into(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        e->code = code;
        return -code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
        char inner[sizeof(e->text)];
        va_list ap;

        memcpy(inner, e->text, sizeof(inner));
        va_start(ap, fmt);
        print_into(e->text, sizeof(e->text), fmt, ap);
        va_end(ap);
        append(e, ": ");
        append(e, inner);
        return -e->code;
}

int err_message_len(const struct err *e)
{
        return (int)strcspn(e->text, "\n");
}

const char *err_get_hint(const struct err *e)
{
        const char *newline = strchr(e->text, '\n');

        return newline ? newline + 1 : NULL;
}

int err_hint(struct err *e, const char *fmt, ...)
{
        size_t len = (size_t)err_message_len(e);
        va_list ap;

        if (len + 2 >= sizeof(e->text))
                return -e->code;
        e->text[len] = '\n';
        va_start(ap, fmt);
        print_into(e->text + len + 1, sizeof(e->text) - len - 1, fmt, ap);
        va_end(ap);
        return -e->code;
}
