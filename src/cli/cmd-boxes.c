#include "commands.h"

#include "box-ask.h"
#include "box-targets.h"
#include "parse.h"
#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* kelp stop, kill and wait. */

#define DEFAULT_STOP_S 10

static const char stop_usage[] =
        "Usage:  kelp stop [-t SECONDS] [-a | SANDBOX...]\n\n"
        "Asks the command of each sandbox to end, by the stop signal of its image or SIGTERM, and\n"
        "kills all of the sandbox after a while. SANDBOX is a name, an id or the start of an id.\n\n"
        "  -t, --time N     kill after N seconds (10); 0 kills at once\n"
        "  -a, --all        every sandbox that runs\n";

static const char kill_usage[] =
        "Usage:  kelp kill [-s SIGNAL] [-a | SANDBOX...]\n\n"
        "Sends a signal to the command of each sandbox; without -s kills all of the sandbox, and\n"
        "waits for its end.\n\n"
        "  -s, --signal S   TERM, SIGHUP, 10, ...; -9 and -TERM say the same\n"
        "  -a, --all        every sandbox that runs\n";

static const char wait_usage[] = "Usage:  kelp wait SANDBOX...\n\n"
                                 "Waits for the end of each sandbox and prints the exit status.\n";

static int read_seconds(const struct box_words *w, int *ret, struct err *e)
{
        const char *text = box_words_find(w, "time");
        uint64_t seconds = DEFAULT_STOP_S;

        if (text && parse_number(text, 0, SUPERVISE_MAX_STOP_S, &seconds, e) < 0)
                return err_hint(e, "-t takes whole seconds: kelp stop -t 30 NAME");
        *ret = (int)seconds;
        return 0;
}

static int end_targets(struct box_targets *t, int seconds, struct err *e)
{
        for (size_t i = 0; i < t->n; i++) {
                if (box_target_ask(&t->state, &t->items[i], CONTROL_STOP, seconds, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                if (box_target_await_gone(&t->state, &t->items[i], seconds, e) < 0)
                        return -e->code;
                puts(box_target_name(&t->items[i]));
        }
        return 0;
}

static int stop(struct box_targets *t, const struct box_words *w, struct err *e)
{
        int seconds = 0;

        if (read_seconds(w, &seconds, e) < 0 ||
            box_targets_find(t, w, "stop", box_targets_add_running, e) < 0)
                return -e->code;
        return end_targets(t, seconds, e);
}

static int not_running(const struct box_target *t, struct err *e)
{
        err_set(e, ESRCH, "sandbox '%s' has ended", box_target_name(t));
        return err_hint(e, "kelp ps lists those that run");
}

static int signal_targets(struct box_targets *t, int number, struct err *e)
{
        for (size_t i = 0; i < t->n; i++) {
                if (box_target_ask(&t->state, &t->items[i], CONTROL_SIGNAL, number, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                struct box_target *one = &t->items[i];
                int type = one->sock < 0 ? 0 : control_await(one->sock, NULL, e);

                if (type < 0)
                        return err_prefix(e, "sandbox '%s'", box_target_name(one));
                puts(box_target_name(one));
        }
        return 0;
}

static int kill_targets(struct box_targets *t, const struct box_words *w, struct err *e)
{
        const char *text = box_words_find(w, "signal");
        int number = SIGKILL;

        if (text && parse_signal(text, &number, e) < 0)
                return -e->code;
        if (box_targets_find(t, w, "kill", box_targets_add_running, e) < 0)
                return -e->code;
        for (size_t i = 0; i < t->n; i++) {
                if (t->items[i].status.phase == BOX_EXITED)
                        return not_running(&t->items[i], e);
        }
        /* the one signal whose effect is known: `kelp rm` behind it finds what has ended */
        return number == SIGKILL ? end_targets(t, 0, e) : signal_targets(t, number, e);
}

static int wait_for(struct box_targets *t, const struct box_words *w, struct err *e)
{
        if (box_targets_find(t, w, "wait", NULL, e) < 0)
                return -e->code;
        for (size_t i = 0; i < t->n; i++) {
                if (box_target_ask(&t->state, &t->items[i], CONTROL_WAIT, 0, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                int code = -1;

                if (box_target_await_end(&t->state, &t->items[i], &code, e) < 0)
                        return -e->code;
                if (code < 0)
                        return box_ask_lost(box_target_name(&t->items[i]), e);
                printf("%d\n", code);
                fflush(stdout);
        }
        return 0;
}

int cmd_stop(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "time", .letter = 't', .has_value = true },
                { .name = "all", .letter = 'a' },
                { .name = "signal",
                  .letter = 's',
                  .hint = "kelp kill -s SIGNAL NAME sends another one than the image says" },
                { .name = "force", .letter = 'f', .hint = "kelp stop -t 0 NAME kills at once" },
                { .name = NULL },
        };

        return box_targets_run(stop, options, stop_usage, argc, argv);
}

static bool is_signal(const char *text)
{
        struct err unused = { 0 };
        int number;

        return parse_signal(text, &number, &unused) == 0;
}

int cmd_kill(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "signal", .letter = 's', .has_value = true, .is_bare = is_signal },
                { .name = "list", .letter = 'l', .hint = "`kill -l` lists the signals" },
                { .name = "all", .letter = 'a' },
                { .name = NULL },
        };

        return box_targets_run(kill_targets, options, kill_usage, argc, argv);
}

int cmd_wait(int argc, char **argv)
{
        struct box_option options[] = { { .name = NULL } };

        return box_targets_run(wait_for, options, wait_usage, argc, argv);
}
