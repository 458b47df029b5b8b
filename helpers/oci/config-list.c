/* Lists of processors and memory nodes. */

#include "config-inner.h"

#include <ctype.h>

#define MAX_NUMBER 1048575u

static const char *skip_spaces(const char *text)
{
        while (*text == ' ')
                text++;
        return text;
}

static const char *read_number(const char *text, unsigned *ret)
{
        unsigned number = 0;

        if (!isdigit((unsigned char)*text))
                return NULL;
        for (; isdigit((unsigned char)*text); text++) {
                number = number * 10 + (unsigned)(*text - '0');
                if (number > MAX_NUMBER)
                        return NULL;
        }
        *ret = number;
        return skip_spaces(text);
}

bool config_next_range(const char **at, unsigned *ret_first, unsigned *ret_last)
{
        unsigned first = 0;
        const char *text = read_number(skip_spaces(*at), &first);
        unsigned last = first;

        if (text && *text == '-')
                text = read_number(skip_spaces(text + 1), &last);
        if (!text || last < first)
                return false;
        if (*text == ',') {
                text++;
                /* nothing behind a comma is no end */
                if (!*skip_spaces(text))
                        return false;
        } else if (*text) {
                return false;
        }
        *ret_first = first;
        *ret_last = last;
        *at = text;
        return true;
}

bool config_is_number_list(const char *text)
{
        unsigned first;
        unsigned last;

        do {
                if (!config_next_range(&text, &first, &last))
                        return false;
        } while (*text);
        return true;
}
