#include "output.h"

#include <errno.h>

int output_finish(FILE *out, const char *what, struct err *e)
{
        errno = 0;
        if (fflush(out) == 0 && !ferror(out))
                return 0;
        return err_set(e, EIO, "%s: %s", what, err_name(errno ? errno : EIO));
}
