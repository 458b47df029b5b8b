#include "observe-made.h"

#include "mem.h"
#include "net-rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PLAN_FAKES has as many. */
#define N_ADDRESSES 65536u

static bool read_address(const char *text, size_t *ret)
{
        unsigned high;
        unsigned low;
        char end;

        if (sscanf(text, "198.19.%3u.%3u%c", &high, &low, &end) != 2 || high > 255 || low > 255)
                return false;
        *ret = high << 8 | low;
        return true;
}

void observe_made_hear(struct observe_made *m, const char *text)
{
        char name[NET_RULE_MAX_NAME + 1];
        char address[16];
        struct err unused = { 0 };
        size_t at;

        if (sscanf(text, "name %15s %253s", address, name) != 2 || !read_address(address, &at))
                return;
        if (!m->names)
                m->names = mem_alloc(N_ADDRESSES * sizeof(*m->names), &unused);
        if (!m->names)
                return;
        /* without memory the address is told, as that of a name that is not known */
        free(m->names[at]);
        m->names[at] = strdup(name);
}

void observe_made_put(const struct observe_made *m, struct observe_event *event)
{
        size_t at;

        if (event->kind != OBSERVE_HOST || !m->names || !read_address(event->name, &at) ||
            !m->names[at])
                return;
        snprintf(event->name, sizeof(event->name), "%s", m->names[at]);
}

void observe_made_done(struct observe_made *m)
{
        for (size_t i = 0; m->names && i < N_ADDRESSES; i++)
                free(m->names[i]);
        free(m->names);
        *m = (struct observe_made){ .names = NULL };
}
