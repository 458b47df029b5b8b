/*
 * Any text as the configuration that the launcher writes.  What is taken is within its limits, and
 * what is printed of it is one line of JSON.
 */

#include "config.h"
#include "fuzz.h"
#include "journal.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct config *c)
{
        if (c->n_listeners == 0 || c->n_listeners > CONFIG_MAX_LISTENERS || c->log_fd < -1)
                abort();
        for (size_t i = 0; i < c->n_listeners; i++) {
                const struct config_listener *l = &c->listeners[i];

                if (l->fd < 0 || l->n_addresses > 2 ||
                    (l->kind == LISTENER_FORWARD) != (l->port != 0))
                        abort();
        }
        if (c->fakes_bits != 0 && (c->fakes_bits < 16 || c->fakes_bits > 28))
                abort();
        if (c->upstream && c->upstream_port == 0)
                abort();
        for (size_t i = 0; i < c->n_rules; i++) {
                if (c->rules[i].kind != NET_RULE_NETWORK && c->rules[i].name[0] != '\0' &&
                    !net_rule_is_name(c->rules[i].name))
                        abort();
        }
}

static void check_line(const char *text)
{
        const struct journal_entry entry = { .host = text, .reason = text };
        char out[2048];
        size_t len = journal_print(&entry, 0, out);

        if (len >= sizeof(out) || out[len - 1] != '\n' || out[len - 2] != '}' ||
            strchr(out, '\n') != out + len - 1)
                abort();
        for (size_t i = 0; i + 1 < len; i++) {
                if (out[i] < ' ' || out[i] > '~')
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = fuzz_text(data, size);
        struct err e = { 0 };
        struct config c;

        check_line(text);
        if (config_parse(&c, text, &e) == 0)
                check(&c);
        config_done(&c);
        free(text);
        return 0;
}
