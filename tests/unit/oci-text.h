#ifndef KELP_UNIT_OCI_TEXT_H
#define KELP_UNIT_OCI_TEXT_H

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts of config.json with single quotes for double ones. */

static inline void oci_text_quote(char *text)
{
        for (; *text; text++) {
                if (*text == '\'')
                        *text = '"';
        }
}

static inline int oci_text_read_all(const char *text, struct bundle *ret, struct err *e)
{
        char *copy = strdup(text);

        if (!copy)
                abort();
        oci_text_quote(copy);
        int r = config_read_text(copy, strlen(copy), "/bundle", ret, e);
        free(copy);
        return r;
}

/* With the two members that are required, and more of them; empties *ret and *e first. */
static inline int oci_text_read(const char *members, struct bundle *ret, struct err *e)
{
        char text[16384];

        bundle_done(ret);
        *e = (struct err){ 0 };
        snprintf(text, sizeof(text), "{'ociVersion':'1.0.2','root':{'path':'r'}%s%s}",
                 *members ? "," : "", members);
        return oci_text_read_all(text, ret, e);
}

#endif
