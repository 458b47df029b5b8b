#include "container-inner.h"

#include "config.h"
#include "io.h"

#include <errno.h>

int container_read_config(const struct container *c, struct bundle *ret, struct err *e)
{
        autofree char *text = NULL;
        size_t len;

        if (!c->bundle)
                return err_set(e, ENOENT, "container '%s' was never made whole", c->id);
        if (io_read_file(c->dir, CONTAINER_CONFIG, BUNDLE_MAX_CONFIG, &text, &len, e) < 0 ||
            config_read_text(text, len, c->bundle, ret, e) < 0)
                return err_prefix(e, "container '%s'", c->id);
        return 0;
}
