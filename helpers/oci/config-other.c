/* Sections for other platforms, as far as the schema has words for them. */

#include "config-inner.h"

static const struct field_word jail_words[] = { { "new", 0 }, { "inherit", 1 } };
static const struct field_word jail_off_words[] = { { "new", 0 },
                                                    { "inherit", 1 },
                                                    { "disable", 2 } };

int config_freebsd(const struct field *doc, struct err *e)
{
        static const char *const off[] = { "ip4", "ip6", "sysvmsg", "sysvsem", "sysvshm" };
        struct field freebsd;
        struct field jail;
        uint64_t word;

        if (field_object(doc, "freebsd", &freebsd, e) < 0 ||
            field_object(&freebsd, "jail", &jail, e) < 0)
                return -e->code;
        for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
                if (field_word(&jail, off[i], jail_off_words, FIELD_N_WORDS(jail_off_words), NULL,
                               &word, e) < 0)
                        return -e->code;
        }
        if (field_word(&jail, "host", jail_words, FIELD_N_WORDS(jail_words), NULL, &word, e) < 0)
                return -e->code;
        return field_word(&jail, "vnet", jail_words, FIELD_N_WORDS(jail_words), NULL, &word, e);
}
