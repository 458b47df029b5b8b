#include "box-targets.h"
#include "box-find.h"

#include "box-ask.h"
#include "fd.h"
#include "io.h"
#include "mem.h"

#include <errno.h>

/* A kill takes moments, on any machine, unless the kernel waits for something. */
#define GONE_S 30

int box_targets_add(struct box_targets *t, const char *word, const struct box_status *status,
                    struct err *e)
{
        if (mem_grow(&t->items, t->n, &t->room, sizeof(*t->items), e) < 0)
                return -e->code;
        t->items[t->n++] = (struct box_target){
                .word = word, .status = *status, .sock = -1, .is_known = status->id[0] != '\0'
        };
        return 0;
}

static void targets_done(struct box_targets *t)
{
        for (size_t i = 0; i < t->n; i++)
                fd_close(&t->items[i].sock);
        mem_free_at(&t->items);
        state_done(&t->state);
}

int box_targets_add_running(void *arg, const struct box_status *status, struct err *e)
{
        return status->phase == BOX_EXITED ? 0 : box_targets_add(arg, NULL, status, e);
}

const char *box_target_name(const struct box_target *t)
{
        return box_ask_name(&t->status, t->word);
}

static int find_named(struct box_targets *t, const struct box_words *w, struct err *e)
{
        for (int i = 0; i < w->n_given; i++) {
                struct box_status status;

                if (box_find(&t->state, w->given[i], &status, e) < 0 ||
                    box_targets_add(t, w->given[i], &status, e) < 0)
                        return -e->code;
        }
        return 0;
}

int box_targets_find(struct box_targets *t, const struct box_words *w, const char *command,
                     state_each_fn *each, struct err *e)
{
        bool takes_all = box_words_find(w, "all");
        int r;

        if (takes_all && w->n_given > 0) {
                err_set(e, EINVAL, "--all is every sandbox, and '%s' one", w->given[0]);
                return err_hint(e, "leave one of them out");
        }
        if (!takes_all && box_words_need(w, command, w->n_given, e) < 0)
                return -e->code;
        if (state_open(&t->state, e) < 0)
                return -e->code;
        r = takes_all ? state_list(&t->state, each, t, e) : find_named(t, w, e);
        /* a connection to each, beside what is open anyway */
        if (r == 0)
                fd_make_room(t->n + 64);
        return r;
}

int box_target_ask(const struct state *s, struct box_target *t, enum control_type type, int value,
                   struct err *e)
{
        t->sock = box_ask(s, &t->status, type, value, NULL, 0, e);
        return e->code != 0 ? err_prefix(e, "sandbox '%s'", box_target_name(t)) : 0;
}

int box_target_await_end(const struct state *s, struct box_target *t, int *ret, struct err *e)
{
        int type = t->sock < 0 ? 0 : control_await(t->sock, ret, e);

        if (type < 0)
                return err_prefix(e, "sandbox '%s'", box_target_name(t));
        if (type == CONTROL_EXITED)
                return 0;
        return box_ask_status(s, t->status.id, box_target_name(t), ret, e);
}

static int still_there(const struct box_target *t, struct err *e)
{
        err_set(e, ETIMEDOUT, "sandbox '%s' was killed, and %d seconds later it has not ended",
                box_target_name(t), GONE_S);
        return err_hint(e,
                        "the kernel holds a process of it, and ends it when it can; `kelp wait %s`"
                        " waits for that",
                        box_target_name(t));
}

int box_target_await_gone(const struct state *s, struct box_target *t, int seconds, struct err *e)
{
        int unused;

        if (t->sock >= 0 && io_wait(t->sock, (seconds + GONE_S) * 1000) == 0)
                return still_there(t, e);
        if (box_target_await_end(s, t, &unused, e) < 0 && e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

static int run(const struct box_words *w, void *arg, struct err *e)
{
        box_targets_fn *const *fn = arg;
        struct box_targets t = { .state = STATE_NONE };
        int status = (*fn)(&t, w, e);

        targets_done(&t);
        return status;
}

int box_targets_run(box_targets_fn *fn, struct box_option *options, const char *usage, int argc,
                    char **argv)
{
        return box_words_run(run, &fn, options, usage, argc, argv);
}
