#ifndef KELP_UNIT_OCI_TEXT_H
#define KELP_UNIT_OCI_TEXT_H

#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static inline void assert_bad_config(const char *members, const char *said)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        int r = oci_text_read(members, &b, &e);
        if (r != -EINVAL || !strstr(e.text, said) || strchr(e.text, '\n'))
                fail_msg("%s: %d '%s', not '%s'", members, r, e.text, said);
        bundle_done(&b);
}

static inline void assert_good_config(const char *members, struct bundle *b)
{
        struct err e = { 0 };

        if (oci_text_read(members, b, &e) < 0)
                fail_msg("%s: %s", members, e.text);
}

static inline bool has_notice(const struct bundle *b, const char *text)
{
        for (size_t i = 0; i < b->n_notices; i++) {
                if (strstr(b->notices[i], text))
                        return true;
        }
        return false;
}

#endif
