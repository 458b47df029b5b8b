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

/* Takes an unfinished character off the end of a text that was cut, so that it stays valid UTF-8. */
static void end_at_character(char *text)
{
        size_t len = strlen(text);
        size_t start = len;

        while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
                start--;
        if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
                return;
        unsigned char lead = (unsigned char)text[--start];
        size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (len - start < want)
                text[start] = '\0';
}

/* A newline parts message and hint: a name that has one must not bring a hint of its own. */
static void join_lines(char *text)
{
        while ((text = strchr(text, '\n')))
                *text++ = ' ';
}

__attribute__((format(printf, 3, 0))) static void print_into(char *dst, size_t size,
                                                             const char *fmt, va_list ap)
{
        int n = vsnprintf(dst, size, fmt, ap);

        if (n < 0)
                dst[0] = '\0';
        else if ((size_t)n >= size)
                end_at_character(dst);
        join_lines(dst);
}

static void append(struct err *e, const char *text)
{
        size_t len = strlen(e->text);
        size_t more = strlen(text);

        if (more + 1 > sizeof(e->text) - len)
                more = sizeof(e->text) - len - 1;
        memcpy(e->text + len, text, more);
        e->text[len + more] = '\0';
        if (text[more] != '\0')
                end_at_character(e->text);
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
