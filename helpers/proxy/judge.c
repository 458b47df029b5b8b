#include "judge.h"

#include "net-special.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 3))) static struct verdict verdict(bool is_allowed,
                                                                    const char *fmt, ...)
{
        struct verdict v = { .is_allowed = is_allowed };
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(v.reason, sizeof(v.reason), fmt, ap);
        va_end(ap);
        return v;
}

struct verdict judge_name(const struct net_rule *rules, size_t n, const char *name, uint16_t port)
{
        const struct net_rule *rule = net_rules_find_name(rules, n, name, port);

        if (!rule)
                return verdict(false, "no rule allows it");
        if (rule->is_deny)
                return verdict(false, "denied by %.200s", rule->text);
        return verdict(true, "by %.200s", rule->text);
}

/* The rule that would open the address. */
static struct verdict refuse_special(const struct address *a, uint16_t port, const char *what)
{
        bool is_ipv6 = a->family == AF_INET6;
        char text[ADDRESS_TEXT];

        address_print(a, text);
        return verdict(false, "%s is %s; '--allow %s%s%s:%u' would open it", text, what,
                       is_ipv6 ? "[" : "", text, is_ipv6 ? "]" : "", port);
}

/* Whether a rule is of this one address. */
static bool is_opened_alone(const struct net_rule *rules, size_t n, const struct address *a,
                            uint16_t port)
{
        for (size_t i = 0; i < n; i++) {
                if (!rules[i].is_deny && rules[i].prefix == (a->family == AF_INET ? 32 : 128) &&
                    net_rule_matches_address(&rules[i], a->family, a->bytes, port))
                        return true;
        }
        return false;
}

static bool is_loopback(const struct address *a)
{
        return a->family == AF_INET && a->bytes[0] == 127;
}

struct verdict judge_address(const struct net_rule *rules, size_t n, const struct address *a,
                             uint16_t port, bool is_named, bool is_own)
{
        const struct net_rule *rule = net_rules_find_address(rules, n, a->family, a->bytes, port);
        const struct net_special *special = net_special_find(a->family, a->bytes, 0);

        if (rule && rule->is_deny)
                return verdict(false, "denied by %.200s", rule->text);
        if (!rule && !is_named)
                return verdict(false, "no rule allows it");
        if (special && !net_special_is_opened(rules, n, a->family, a->bytes, port))
                return refuse_special(a, port, special->what);
        /* all of 127.0.0.0/8 is this host's, and a rule of a part of it says so */
        if (is_own && !is_loopback(a) && !is_opened_alone(rules, n, a, port))
                return refuse_special(a, port, "an address of this host");
        return verdict(true, "by %.200s", rule ? rule->text : "its name");
}
