#include "learn-inner.h"

#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void learn_done(struct learn *l)
{
        arena_done(&l->arena);
        *l = (struct learn){ 0 };
}

int learn_add(struct learn *l, const struct observe_event *event, struct err *e)
{
        if (event->kind == OBSERVE_SYSCALL)
                l->has_seen_calls = l->has_seen_calls || !event->is_refused;
        /* half a name is the name of something else */
        if (event->is_cut)
                return learn_note_refused(l, "a name that is too long for a policy", e);
        if (arena_grow(&l->arena, &l->uses, l->n_uses, sizeof(*l->uses), LEARN_MAX_USES,
                       "things that the command asked for", e) < 0)
                return -e->code;
        struct learn_use *use = &l->uses[l->n_uses];
        *use = (struct learn_use){ .kind = event->kind,
                                   .access = event->access,
                                   .is_refused = event->is_refused,
                                   .port = event->port,
                                   .count = event->count };
        use->name = arena_copy(&l->arena, event->name, e);
        use->comm = use->name ? learn_safe(l, event->comm, e) : NULL;
        if (!use->comm)
                return -e->code;
        l->n_uses++;
        return 0;
}

const char *learn_safe(struct learn *l, const char *text, struct err *e)
{
        char buffer[2 * OBSERVE_MAX_NAME];

        return arena_copy(&l->arena, str_escape(buffer, sizeof(buffer), text, strlen(text)), e);
}

const char *learn_short(struct learn *l, const struct learn_context *c, const char *path,
                        struct err *e)
{
        const char *home = c->base->files.home;

        if (!home || str_eq(home, "/") || !path_is_in(path, home))
                return arena_copy(&l->arena, path, e);
        return arena_print(&l->arena, e, "~%s", path + strlen(home));
}

int learn_add_line(struct learn *l, enum learn_key key, bool if_exists, const char *value,
                   const char *reason, struct err *e)
{
        for (size_t i = 0; i < l->n_lines; i++) {
                if (l->lines[i].key == key && str_eq(l->lines[i].value, value))
                        return 0;
        }
        if (arena_grow(&l->arena, &l->lines, l->n_lines, sizeof(*l->lines), LEARN_MAX_LINES,
                       "lines of a policy", e) < 0)
                return -e->code;
        l->lines[l->n_lines++] = (struct learn_line){
                .key = key, .if_exists = if_exists, .value = value, .reason = reason
        };
        return 0;
}

/* What is beyond the limit is not told: two hundred lines of it are enough to look into. */
static int add_note(struct learn *l, const char ***list, size_t *n, const char *text, struct err *e)
{
        for (size_t i = 0; i < *n; i++) {
                if (str_eq((*list)[i], text))
                        return 0;
        }
        if (*n >= LEARN_MAX_NOTES)
                return 0;
        if (arena_grow(&l->arena, list, *n, sizeof(**list), LEARN_MAX_NOTES, "notes", e) < 0)
                return -e->code;
        (*list)[(*n)++] = text;
        return 0;
}

int learn_note_secret(struct learn *l, const char *text, struct err *e)
{
        return add_note(l, &l->secrets, &l->n_secrets, text, e);
}

int learn_note_refused(struct learn *l, const char *text, struct err *e)
{
        return add_note(l, &l->refused, &l->n_refused, text, e);
}

static int carry_hidden(struct learn *l, const struct plan *p, struct err *e)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (rule->kind == PLAN_RULE_HIDDEN && str_eq(rule->origin, "option --hide") &&
                    learn_add_line(l, LEARN_HIDDEN, true, rule->box_path, "given with --hide", e) <
                            0)
                        return -e->code;
        }
        return 0;
}

static int carry_hosts(struct learn *l, const struct plan_net *net, struct err *e)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];
                bool is_option = str_has_prefix(rule->origin, "option");
                int r = 0;

                if (is_option && rule->is_deny)
                        r = learn_add_line(l, LEARN_DENY, false, rule->text, "given with --deny",
                                           e);
                else if (is_option && rule->kind == NET_RULE_NETWORK)
                        r = learn_add_line(l, LEARN_ALLOW, false, rule->text,
                                           "given with --allow: names may lead there", e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int learn_carry(struct learn *l, const struct plan *p, struct err *e)
{
        if (carry_hidden(l, p, e) < 0 || carry_hosts(l, &p->net, e) < 0)
                return -e->code;
        for (size_t i = 0; i < p->net.n_host_ports; i++) {
                const char *port = arena_print(&l->arena, e, "%u", p->net.host_ports[i]);

                if (!port || learn_add_line(l, LEARN_HOST_PORT, false, port,
                                            "given with --host-port", e) < 0)
                        return -e->code;
        }
        return 0;
}

static int compare_lines(const void *a, const void *b)
{
        const struct learn_line *x = a;
        const struct learn_line *y = b;

        if (x->key != y->key)
                return x->key < y->key ? -1 : 1;
        return strcmp(x->value, y->value);
}

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int learn_settle(struct learn *l, const struct learn_context *c, struct err *e)
{
        if (learn_settle_paths(l, c, e) < 0 || learn_settle_hosts(l, e) < 0 ||
            learn_settle_calls(l, e) < 0)
                return -e->code;
        if (l->n_lines > 1)
                qsort(l->lines, l->n_lines, sizeof(*l->lines), compare_lines);
        if (l->n_secrets > 1)
                qsort(l->secrets, l->n_secrets, sizeof(*l->secrets), compare_texts);
        if (l->n_refused > 1)
                qsort(l->refused, l->n_refused, sizeof(*l->refused), compare_texts);
        l->is_settled = true;
        return 0;
}
