#include "word.h"

#include "str.h"

#include <stdbool.h>
#include <string.h>

#define MIN_WORD 9 /* a blank, and the least that word_quote() takes */

static const char quoted_quote[] = "'\\''";

char *word_quote(char *buffer, size_t size, const char *text)
{
        bool is_plain = text[0] != '\0' && !text[strcspn(text, " \t\n\"'\\$`&|;<>()*?[]{}~#!")];
        size_t len = strlen(text);
        size_t used = 0;

        if (is_plain)
                return str_escape(buffer, size, text, len);
        buffer[used++] = '\'';
        for (size_t at = 0; at < len;) {
                size_t n = strcspn(text + at, "'");

                str_escape(buffer + used, size - used - 1, text + at, n);
                used += strlen(buffer + used);
                at += n;
                if (text[at] != '\'')
                        continue;
                if (size - used < sizeof(quoted_quote) + 1)
                        break;
                memcpy(buffer + used, quoted_quote, sizeof(quoted_quote) - 1);
                used += sizeof(quoted_quote) - 1;
                at++;
        }
        buffer[used++] = '\'';
        buffer[used] = '\0';
        return buffer;
}

char *word_quote_command(char *buffer, size_t size, const char *const *argv)
{
        size_t used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; argv[i] && size - used > MIN_WORD; i++) {
                if (i > 0)
                        buffer[used++] = ' ';
                word_quote(buffer + used, size - used, argv[i]);
                used += strlen(buffer + used);
        }
        return buffer;
}

bool word_looks_joined(const char *text)
{
        return text[0] != '\0' &&
               (strstr(text + 1, "-~/") || strstr(text + 1, "-$") || strstr(text + 1, "-/"));
}

bool word_looks_foreign(const char *text)
{
        size_t len = strlen(text);

        return len > 0 && (text[len - 1] == ',' || text[len - 1] == '\'' ||
                           text[text[0] == '-' ? 1 : 0] == '\'');
}

bool word_is_readable(const char *text)
{
        for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
                if ((*at < ' ' && *at != '\t') || *at == 0x7f)
                        return false;
        }
        return str_is_utf8(text);
}

bool word_quote_line(char *buffer, size_t size, const char *text)
{
        bool is_plain = text[0] != '\0' && text[0] != '#' && !text[strcspn(text, " \t\"*?[$")] &&
                        !str_eq(text, "=") && !word_looks_joined(text) && !word_looks_foreign(text);
        size_t used = 0;

        if (2 * strlen(text) + 3 > size || !word_is_readable(text))
                return false;
        if (!is_plain)
                buffer[used++] = '"';
        for (; *text; text++) {
                if (!is_plain && (*text == '"' || *text == '\\'))
                        buffer[used++] = '\\';
                buffer[used++] = *text;
        }
        if (!is_plain)
                buffer[used++] = '"';
        buffer[used] = '\0';
        return true;
}
