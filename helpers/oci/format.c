#include "format.h"

#include "str.h"

#include <errno.h>
#include <stddef.h>

int format_parse(const char *command, const char *text, bool *ret_is_json, struct err *e)
{
        if (!text || str_eq(text, "table"))
                *ret_is_json = false;
        else if (str_eq(text, "json"))
                *ret_is_json = true;
        else
                return err_set(e, EINVAL, "%s: --format is table or json, not '%.100s'", command,
                               text);
        return 0;
}
