/* linux.memoryPolicy.  Source: set_mempolicy(2), and linux/mempolicy.h of the numbers. */

#include "config-inner.h"

enum mode {
        MODE_DEFAULT,
        MODE_PREFERRED,
        MODE_BIND,
        MODE_INTERLEAVE,
        MODE_LOCAL,
        MODE_PREFERRED_MANY,
        MODE_WEIGHTED_INTERLEAVE,
};

#define FLAG_STATIC   (1u << 15)
#define FLAG_RELATIVE (1u << 14)
#define FLAG_BALANCES (1u << 13)

static int read_mode(const struct field *policy, unsigned *ret, struct err *e)
{
        static const struct field_word words[] = {
                { "MPOL_DEFAULT", MODE_DEFAULT },
                { "MPOL_PREFERRED", MODE_PREFERRED },
                { "MPOL_BIND", MODE_BIND },
                { "MPOL_INTERLEAVE", MODE_INTERLEAVE },
                { "MPOL_LOCAL", MODE_LOCAL },
                { "MPOL_PREFERRED_MANY", MODE_PREFERRED_MANY },
                { "MPOL_WEIGHTED_INTERLEAVE", MODE_WEIGHTED_INTERLEAVE },
        };
        struct field f = field_member(policy, "mode");
        uint64_t mode = 0;

        if (field_require(&f, e) < 0 ||
            field_word(policy, "mode", words, FIELD_N_WORDS(words), NULL, &mode, e) < 0)
                return -e->code;
        *ret = (unsigned)mode;
        return 0;
}

static int read_flags(const struct field *policy, unsigned *ret, struct err *e)
{
        static const struct field_word words[] = {
                { "MPOL_F_STATIC_NODES", FLAG_STATIC },
                { "MPOL_F_RELATIVE_NODES", FLAG_RELATIVE },
                { "MPOL_F_NUMA_BALANCING", FLAG_BALANCES },
        };
        struct field list;

        if (field_array(policy, "flags", 100, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);
                uint64_t flag;

                if (field_as_word(&f, words, FIELD_N_WORDS(words), &flag, e) < 0)
                        return -e->code;
                *ret |= (unsigned)flag;
        }
        if (*ret & FLAG_STATIC && *ret & FLAG_RELATIVE)
                return field_fail(&list, e, "cannot be both static and relative");
        return 0;
}

static int read_nodes(struct bundle_memory_policy *to, const struct field *policy, struct err *e)
{
        struct field f = field_member(policy, "nodes");
        const char *text = "";

        if (field_text(policy, "nodes", FIELD_MAX_PATH, &text, e) < 0)
                return -e->code;
        for (const char *at = text; *at;) {
                unsigned first;
                unsigned last;

                if (!config_next_range(&at, &first, &last))
                        return field_fail_text(&f, text, "is not a list as 0-3,7", e);
                if (last >= BUNDLE_MAX_NODES)
                        return field_fail(&f, e, "has nodes from %d on", BUNDLE_MAX_NODES);
                for (unsigned i = first; i <= last; i++)
                        to->nodes[i / 64] |= (uint64_t)1 << i % 64;
        }
        to->has_nodes = *text != '\0';
        return 0;
}

static int check_nodes(const struct bundle_memory_policy *to, unsigned mode,
                       const struct field *policy, struct err *e)
{
        struct field f = field_member(policy, "nodes");

        if ((mode == MODE_DEFAULT || mode == MODE_LOCAL) && to->has_nodes)
                return field_fail(&f, e, "must not be given with this mode");
        if (mode != MODE_DEFAULT && mode != MODE_LOCAL && mode != MODE_PREFERRED && !to->has_nodes)
                return field_fail(&f, e, "must be given with this mode");
        return 0;
}

int config_memory_policy(struct bundle *b, const struct field *lin, struct err *e)
{
        struct bundle_memory_policy *to = &b->memory_policy;
        struct field policy;
        unsigned flags = 0;
        unsigned mode = 0;

        if (field_object(lin, "memoryPolicy", &policy, e) < 0 || !policy.value)
                return policy.value ? -e->code : 0;
        if (read_mode(&policy, &mode, e) < 0 || read_flags(&policy, &flags, e) < 0 ||
            read_nodes(to, &policy, e) < 0 || check_nodes(to, mode, &policy, e) < 0)
                return -e->code;
        to->is_set = true;
        to->mode = mode | flags;
        return 0;
}
