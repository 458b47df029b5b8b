#include "explain.h"

#include "explain-allow.h"
#include "log.h"
#include "path.h"
#include "status.h"
#include "str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines of what was refused; as many again may be hints. */
#define MAX_LINES 20

/* Of those that the same would allow, so many are named. */
#define MAX_OF_A_KIND 3

struct finding {
        struct observe_event event;
        struct explain_allow allow;
        bool is_told;
};

struct findings {
        struct arena arena;
        const struct plan *plan;
        const struct tree *tree;
        struct finding *items;
        size_t n;
        size_t n_left; /* lines */
};

int explain_prepare(const struct plan *p, const struct observe_request *request,
                    const struct sock_fprog *filter, struct observe *ret, struct err *e)
{
        const struct observe_spec spec = { .max_events = OBSERVE_EVENTS };

        if (request)
                return observe_prepare(&request->spec, p, filter, ret, e);
        if (!p->report.explains)
                return 0;
        return observe_prepare(&spec, p, filter, ret, e);
}

static int keep(const struct observe_event *event, void *arg, struct err *e)
{
        struct findings *all = arg;

        if (!event->is_refused)
                return 0;
        if (arena_grow(&all->arena, &all->items, all->n, sizeof(*all->items), OBSERVE_MAX_EVENTS,
                       "refusals", e) < 0)
                return -e->code;
        struct finding *item = &all->items[all->n++];
        *item = (struct finding){ .event = *event };
        explain_allow(all->plan, all->tree, &item->event, &item->allow);
        return 0;
}

static const char *verb_of(const struct observe_event *event)
{
        switch (event->kind) {
        case OBSERVE_OPEN:
                return event->access == 'w' ? "write" : "read";
        case OBSERVE_CREATE:
                return "create";
        case OBSERVE_RENAME:
                return "rename";
        case OBSERVE_REMOVE:
                return "remove";
        case OBSERVE_CHANGE:
                return "change";
        case OBSERVE_EXECUTE:
                return "execute";
        case OBSERVE_SOCKET:
                return event->name[0] == '/' ? "connect to" : "socket of";
        case OBSERVE_HOST:
                if (event->port == 0)
                        return "look up";
                return event->is_datagram ? "send to" : "connect to";
        case OBSERVE_SYSCALL:
                break;
        }
        return "system call";
}

static void print_object(const struct observe_event *event, char *text, size_t size)
{
        const char *more = event->is_cut ? "..." : "";

        if (event->kind == OBSERVE_HOST && event->port != 0)
                snprintf(text, size, strchr(event->name, ':') ? "[%s]:%u" : "%s:%u", event->name,
                         event->port);
        else if (event->kind == OBSERVE_SYSCALL)
                snprintf(text, size, "%s(%s)", event->name, event->detail);
        else if (event->detail[0])
                snprintf(text, size, "%s (%s)", event->name, event->detail);
        else
                snprintf(text, size, "%s%s", event->name, more);
}

/* " (3 times, npm)"; who it was is not known of what the proxy tells. */
static void print_who(const struct observe_event *event, char *text, size_t size)
{
        char times[32] = "";
        bool has_both = event->count > 1 && event->comm[0];

        if (event->count > 1)
                snprintf(times, sizeof(times), "%u times", event->count);
        if (event->count > 1 || event->comm[0])
                snprintf(text, size, " (%s%s%s)", times, has_both ? ", " : "", event->comm);
        else
                text[0] = '\0';
}

static void tell(struct findings *all, struct finding *item)
{
        char object[OBSERVE_MAX_NAME + OBSERVE_MAX_DETAIL + 16];
        char who[64];

        item->is_told = true;
        all->n_left--;
        print_object(&item->event, object, sizeof(object));
        print_who(&item->event, who, sizeof(who));
        log_notice("refused: %s %s%s", verb_of(&item->event), object, who);
}

static void tell_hint(const struct finding *item)
{
        const struct explain_allow *allow = &item->allow;

        if (allow->option[0])
                log_hint("%s", allow->option);
        else if (allow->line[0] && allow->behind[0])
                log_hint("a policy behind '%s' with %s", allow->behind, allow->line);
        else if (allow->line[0])
                log_hint("a policy with %s", allow->line);
        else if (allow->comment[0])
                log_hint("%s", allow->comment);
        else
                log_hint("no option allows it");
}

static bool has_way(const struct finding *item)
{
        return item->allow.option[0] || item->allow.line[0] || item->allow.comment[0];
}

static bool has_same_way(const struct finding *a, const struct finding *b)
{
        const struct explain_allow *x = &a->allow;
        const struct explain_allow *y = &b->allow;

        /* "nothing does" joins only what is alike */
        if (!has_way(a) && a->event.kind != b->event.kind)
                return false;
        return str_eq(x->option, y->option) && str_eq(x->line, y->line) &&
               str_eq(x->behind, y->behind) && str_eq(x->comment, y->comment);
}

/* This one, and next to it all that the same word would allow. */
static void tell_with_others(struct findings *all, size_t first)
{
        size_t n_told = 1;
        size_t n_more = 0;

        tell(all, &all->items[first]);
        for (size_t i = first + 1; i < all->n; i++) {
                struct finding *item = &all->items[i];

                if (item->is_told || !has_same_way(item, &all->items[first]))
                        continue;
                if (n_told < MAX_OF_A_KIND && all->n_left > 0) {
                        tell(all, item);
                        n_told++;
                } else {
                        item->is_told = true;
                        n_more++;
                }
        }
        if (n_more > 0)
                log_notice("refused: %zu more %s", n_more,
                           has_way(&all->items[first]) ? "that the same would allow"
                                                       : "of that kind");
        tell_hint(&all->items[first]);
}

static bool is_read(const struct observe_event *event)
{
        return event->is_hidden && !event->is_cut && event->name[0] == '/' &&
               (event->kind == OBSERVE_OPEN || event->kind == OBSERVE_EXECUTE) &&
               event->access != 'w';
}

/* The directory of a path as a prefix of it: its length, without the last slash. */
static size_t dir_len(const char *path)
{
        return (size_t)(strrchr(path, '/') - path);
}

static bool has_same_dir(const struct observe_event *a, const struct observe_event *b)
{
        size_t len = dir_len(a->name);

        return is_read(b) && len == dir_len(b->name) && strncmp(a->name, b->name, len) == 0;
}

static bool is_too_much(const struct plan *p, const char *dir)
{
        return dir[0] == '\0' || (p->files.home && path_is_in(p->files.home, dir));
}

/* Several hidden files of one directory, which is none that holds all that a user has. */
static void join_dir(struct findings *all, size_t first)
{
        const struct observe_event *event = &all->items[first].event;
        struct observe_event dir = *event;
        struct explain_allow allow;
        size_t n = 0;

        if (!is_read(event))
                return;
        for (size_t i = first; i < all->n; i++)
                n += has_same_dir(event, &all->items[i].event);
        dir.name[dir_len(dir.name)] = '\0';
        dir.kind = OBSERVE_OPEN;
        if (n <= MAX_OF_A_KIND || is_too_much(all->plan, dir.name))
                return;
        explain_allow(all->plan, all->tree, &dir, &allow);
        for (size_t i = first; allow.option[0] && i < all->n; i++) {
                if (has_same_dir(event, &all->items[i].event))
                        all->items[i].allow = allow;
        }
}

static void summarize(struct findings *all)
{
        size_t n_untold = 0;

        all->n_left = MAX_LINES;
        for (size_t i = 0; i < all->n && all->n_left > 0; i++) {
                if (all->items[i].is_told)
                        continue;
                join_dir(all, i);
                tell_with_others(all, i);
        }
        for (size_t i = 0; i < all->n; i++)
                n_untold += !all->items[i].is_told;
        if (n_untold > 0)
                log_notice("refused: %zu more; --status-fd tells of all", n_untold);
}

static void tell_total(const struct observe_total *total)
{
        if (!total->is_whole)
                log_notice("what was refused is not known in full: the observer ended before the "
                           "run did, and what it was asked about failed from then on");
        if (total->n_dropped > 0)
                log_notice("refused: %zu more that there was no room to remember",
                           total->n_dropped);
        if (total->n_unreadable > 0)
                log_notice("%zu calls could not be looked at, as this machine lets nobody read the "
                           "memory of another process",
                           total->n_unreadable);
}

static int tell_events(const struct findings *all, struct err *e)
{
        for (size_t i = 0; i < all->n; i++) {
                const struct finding *item = &all->items[i];

                if (status_refused(all->plan->report.status_fd, &item->event, item->allow.option,
                                   item->allow.line, e) < 0)
                        return -e->code;
        }
        return 0;
}

void explain_report(struct observe *o, const struct plan *p, const struct tree *t)
{
        struct findings all = { .plan = p, .tree = t };
        struct observe_total total = { .is_whole = true };
        struct err lost = { 0 };

        if (!observe_is_on(o))
                return;
        if (observe_finish(o, keep, &all, &total, &lost) < 0 || tell_events(&all, &lost) < 0)
                log_err(&lost);
        summarize(&all);
        tell_total(&total);
        arena_done(&all.arena);
}

int explain_answer(struct observe *o, const struct observe_request *request, struct err *e)
{
        return observe_finish(o, request->each, request->arg, request->ret_total, e);
}
