#include "upstream-tell.h"

#include "log.h"

void upstream_tell(const struct plan_net *net)
{
        bool has_names = false;

        for (size_t i = 0; i < net->n_rules; i++) {
                if (!net->rules[i].is_deny && net->rules[i].kind != NET_RULE_NETWORK)
                        has_names = true;
        }
        if (net->mode == PLAN_NETWORK_FILTERED && has_names && net->upstream.origin)
                log_notice("the proxy of %s looks names up, and may lead them to this host and to "
                           "what no rule allows by its address",
                           net->upstream.origin);
}
