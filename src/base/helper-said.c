#include "helper-said.h"

#include "str.h"

#include <errno.h>
#include <string.h>

int helper_said(char *text, const char *name, struct err *e)
{
        const char *message = NULL;
        const char *hint = NULL;

        for (char *at = text, *line; (line = str_next_field(&at, '\n'));) {
                if (str_has_prefix(line, "kelp: "))
                        message = line + strlen("kelp: ");
                else if (str_has_prefix(line, "hint: "))
                        hint = line + strlen("hint: ");
        }
        if (message)
                err_set(e, EIO, "%s", message);
        else
                err_set(e, EIO, "%s failed without a word", name);
        return hint ? err_hint(e, "%s", hint) : -e->code;
}
