#include "commands.h"

#include "box-ask.h"
#include "box-words.h"
#include "facts.h"
#include "fd.h"
#include "help.h"
#include "mem.h"
#include "parse.h"
#include "path.h"
#include "state.h"
#include "store.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * stop, kill, wait and rm.  All sandboxes that were named are looked up before the first of them is
 * touched, and all are asked before the first answer is waited for.
 */

#define DEFAULT_STOP_S 10
#define MAX_STOP_S     1000000

static const char stop_usage[] =
        "Usage:  kelp stop [-t SECONDS] [-a | SANDBOX...]\n\n"
        "Asks the command of each sandbox to end, by the stop signal of its image or SIGTERM, and\n"
        "kills all of the sandbox after a while. SANDBOX is a name, an id or the start of an id.\n\n"
        "  -t, --time N     kill after N seconds (10); 0 kills at once\n"
        "  -a, --all        every sandbox that runs\n";

static const char kill_usage[] =
        "Usage:  kelp kill [-s SIGNAL] [-a | SANDBOX...]\n\n"
        "Sends a signal to the command of each sandbox; without -s kills all of the sandbox.\n\n"
        "  -s, --signal S   TERM, SIGHUP, 10, ...\n"
        "  -a, --all        every sandbox that runs\n";

static const char wait_usage[] = "Usage:  kelp wait SANDBOX...\n\n"
                                 "Waits for the end of each sandbox and prints the exit status.\n";

static const char rm_usage[] =
        "Usage:  kelp rm [-f] [-a | SANDBOX...]\n\n"
        "Removes sandboxes that have ended, with their logs, and what 'kelp run --keep' has kept.\n\n"
        "  -f, --force      kill those that run\n"
        "  -a, --all        all that have ended (with -f: all)\n";

struct target {
        const char *word; /* as it was given */
        struct box_status status;
        int sock; /* to its supervisor; -1: none, or none any more */
        bool is_kept;
        bool is_known; /* to the state directory */
};

struct targets {
        struct state state;
        struct target *items;
        size_t n;
        size_t room;
};

static int add(struct targets *t, const char *word, const struct box_status *status, struct err *e)
{
        if (t->n == t->room) {
                size_t room = t->room ? 2 * t->room : 16;
                struct target *items = mem_alloc(room * sizeof(*items), e);

                if (!items)
                        return -e->code;
                if (t->n > 0)
                        memcpy(items, t->items, t->n * sizeof(*items));
                mem_free_at(&t->items);
                t->items = items;
                t->room = room;
        }
        t->items[t->n++] = (struct target){
                .word = word, .status = *status, .sock = -1, .is_known = status->id[0] != '\0'
        };
        return 0;
}

static void targets_done(struct targets *t)
{
        for (size_t i = 0; i < t->n; i++)
                fd_close(&t->items[i].sock);
        mem_free_at(&t->items);
        state_done(&t->state);
}

static int add_running(void *arg, const struct box_status *status, struct err *e)
{
        return status->phase == BOX_EXITED ? 0 : add(arg, NULL, status, e);
}

static int add_any(void *arg, const struct box_status *status, struct err *e)
{
        return add(arg, NULL, status, e);
}

static int add_ended(void *arg, const struct box_status *status, struct err *e)
{
        return status->phase != BOX_EXITED ? 0 : add(arg, NULL, status, e);
}

static const char *name_of(const struct target *t)
{
        return box_ask_name(&t->status, t->word);
}

static int find_named(struct targets *t, const struct box_words *w, struct err *e)
{
        for (int i = 0; i < w->n_given; i++) {
                struct box_status status;

                if (state_find(&t->state, w->given[i], &status, e) < 0 ||
                    add(t, w->given[i], &status, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Those that were named, or with --all those that each() takes. */
static int find_targets(struct targets *t, const struct box_words *w, const char *command,
                        state_each_fn *each, struct err *e)
{
        bool takes_all = box_words_find(w, "all");

        if (takes_all && w->n_given > 0) {
                err_set(e, EINVAL, "--all is every sandbox, and '%s' one", w->given[0]);
                return err_hint(e, "leave one of them out");
        }
        if (!takes_all && box_words_need(w, command, w->n_given, e) < 0)
                return -e->code;
        if (state_open(&t->state, e) < 0)
                return -e->code;
        return takes_all ? state_list(&t->state, each, t, e) : find_named(t, w, e);
}

static int ask(const struct state *s, struct target *t, enum control_type type, int value,
               struct err *e)
{
        t->sock = box_ask(s, &t->status, type, value, NULL, 0, e);
        return e->code != 0 ? err_prefix(e, "sandbox '%s'", name_of(t)) : 0;
}

static int await_end(const struct state *s, struct target *t, int *ret, struct err *e)
{
        int type = t->sock < 0 ? 0 : control_await(t->sock, ret, e);

        if (type < 0)
                return err_prefix(e, "sandbox '%s'", name_of(t));
        if (type == CONTROL_EXITED)
                return 0;
        return box_ask_status(s, t->status.id, name_of(t), ret, e);
}

/* However it ended; one that went with its end has done so, too. */
static int await_gone(const struct state *s, struct target *t, struct err *e)
{
        int unused;

        if (await_end(s, t, &unused, e) < 0 && e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        return 0;
}

static int read_seconds(const struct box_words *w, int *ret, struct err *e)
{
        const char *text = box_words_find(w, "time");
        uint64_t seconds = DEFAULT_STOP_S;

        if (text && parse_number(text, 0, MAX_STOP_S, &seconds, e) < 0)
                return err_hint(e, "-t takes whole seconds: kelp stop -t 30 NAME");
        *ret = (int)seconds;
        return 0;
}

static int end_targets(struct targets *t, int seconds, bool is_told, struct err *e)
{
        for (size_t i = 0; i < t->n; i++) {
                if (ask(&t->state, &t->items[i], CONTROL_STOP, seconds, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                if (await_gone(&t->state, &t->items[i], e) < 0)
                        return -e->code;
                if (is_told)
                        puts(name_of(&t->items[i]));
        }
        return 0;
}

static int stop(struct targets *t, const struct box_words *w, struct err *e)
{
        int seconds = 0;

        if (read_seconds(w, &seconds, e) < 0 || find_targets(t, w, "stop", add_running, e) < 0)
                return -e->code;
        return end_targets(t, seconds, true, e);
}

static int not_running(const struct target *t, struct err *e)
{
        err_set(e, ESRCH, "sandbox '%s' has ended", name_of(t));
        return err_hint(e, "kelp ps lists those that run");
}

static int kill_targets(struct targets *t, const struct box_words *w, struct err *e)
{
        const char *text = box_words_find(w, "signal");
        int number = SIGKILL;

        if (text && parse_signal(text, &number, e) < 0)
                return -e->code;
        if (find_targets(t, w, "kill", add_running, e) < 0)
                return -e->code;
        for (size_t i = 0; i < t->n; i++) {
                struct target *one = &t->items[i];

                if (one->status.phase == BOX_EXITED)
                        return not_running(one, e);
                if (ask(&t->state, one, CONTROL_SIGNAL, number, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                struct target *one = &t->items[i];
                int type = one->sock < 0 ? 0 : control_await(one->sock, NULL, e);

                if (type < 0)
                        return err_prefix(e, "sandbox '%s'", name_of(one));
                puts(name_of(one));
        }
        return 0;
}

static int wait_for(struct targets *t, const struct box_words *w, struct err *e)
{
        if (find_targets(t, w, "wait", NULL, e) < 0)
                return -e->code;
        for (size_t i = 0; i < t->n; i++) {
                if (ask(&t->state, &t->items[i], CONTROL_WAIT, 0, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                int code = -1;

                if (await_end(&t->state, &t->items[i], &code, e) < 0)
                        return -e->code;
                if (code < 0)
                        return box_ask_lost(name_of(&t->items[i]), e);
                printf("%d\n", code);
                fflush(stdout);
        }
        return 0;
}

/* Whether there is something that `kelp run --keep` has kept under that name. */
static bool is_kept(struct arena *arena, const char *name)
{
        struct plan_facts facts;
        struct err unused = { 0 };
        struct stat st;

        if (strchr(name, '/') || name[0] == '.' || facts_find(arena, &facts, &unused) < 0)
                return false;
        const char *store = store_path(arena, facts.home, &unused);
        const char *kept = store ? kept_path(arena, store, &unused) : NULL;
        const char *path = kept ? path_join(arena, kept, name, &unused) : NULL;
        return path && lstat(path, &st) == 0;
}

/* A name may be that of a sandbox here, of one that was kept, or of both. */
static int find_removable(struct targets *t, const struct box_words *w, struct arena *arena,
                          struct err *e)
{
        for (int i = 0; i < w->n_given; i++) {
                const char *word = w->given[i];
                struct box_status status = { 0 };
                bool kept = is_kept(arena, word);

                if (state_find(&t->state, word, &status, e) < 0) {
                        if (e->code != ENOENT || !kept)
                                return -e->code;
                        *e = (struct err){ 0 };
                        status = (struct box_status){ 0 };
                }
                if (add(t, word, &status, e) < 0)
                        return -e->code;
                t->items[t->n - 1].is_kept = kept;
        }
        return 0;
}

static int still_runs(const struct target *t, struct err *e)
{
        err_set(e, EBUSY, "sandbox '%s' runs", name_of(t));
        return err_hint(e, "`kelp stop %s` ends it, `kelp rm -f %s` kills and removes it",
                        name_of(t), name_of(t));
}

static int remove_one(struct targets *t, struct target *one, bool is_forced, struct err *e)
{
        if (!one->is_known)
                return 0;
        if (is_forced && await_gone(&t->state, one, e) < 0)
                return -e->code;
        /* one that goes with its end is gone */
        if (state_remove(&t->state, one->status.id, e) < 0 && e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        /* the helper says it of what was kept */
        if (!one->is_kept)
                puts(name_of(one));
        return 0;
}

static int remove_targets(struct targets *t, bool is_forced, struct err *e)
{
        for (size_t i = 0; i < t->n; i++) {
                struct target *one = &t->items[i];

                if (!one->is_known || one->status.phase == BOX_EXITED)
                        continue;
                if (!is_forced)
                        return still_runs(one, e);
        }
        for (size_t i = 0; is_forced && i < t->n; i++) {
                if (t->items[i].is_known && ask(&t->state, &t->items[i], CONTROL_STOP, 0, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                if (remove_one(t, &t->items[i], is_forced, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Those that were kept are the work of a helper, which takes this process's place. */
static int forget_kept(const struct targets *t, struct err *e)
{
        autofree char **words = mem_alloc((t->n + 3) * sizeof(*words), e);
        char command[] = "rm";
        char end[] = "--";
        int n = 0;

        if (!words)
                return -e->code;
        words[n++] = command;
        words[n++] = end;
        for (size_t i = 0; i < t->n; i++) {
                if (t->items[i].is_kept)
                        words[n++] = (char *)t->items[i].word;
        }
        /* in its place nobody would print what waits to be printed */
        if (n > 2 && fflush(stdout) != 0)
                return err_sys(e, "cannot write to stdout");
        return n > 2 ? cmd_image(n, words) : 0;
}

static int rm(struct targets *t, const struct box_words *w, struct err *e)
{
        struct arena arena = { 0 };
        bool is_forced = box_words_find(w, "force");
        int r;

        if (w->n_given == 0 || box_words_find(w, "all"))
                return find_targets(t, w, "rm", is_forced ? add_any : add_ended, e) < 0
                               ? -e->code
                               : remove_targets(t, is_forced, e);
        r = state_open(&t->state, e);
        if (r == 0)
                r = find_removable(t, w, &arena, e);
        if (r == 0)
                r = remove_targets(t, is_forced, e);
        arena_done(&arena);
        return r;
}

typedef int run_fn(struct targets *t, const struct box_words *w, struct err *e);

/* From the words to the exit status. */
static int run(run_fn *fn, struct box_option *options, const char *usage, int argc, char **argv)
{
        struct targets t = { .state = STATE_NONE };
        struct err e = { 0 };
        autofree char **given = mem_alloc((size_t)argc * sizeof(*given), &e);
        struct box_words w = { .usage = usage, .options = options, .given = given };
        int status = 0;

        if (!given || box_words_read(&w, argc, argv, &e) < 0)
                return box_words_fail(&e);
        if (w.wants_help)
                return box_words_help(&w);
        if (fn(&t, &w, &e) < 0)
                status = box_words_fail(&e);
        else if (fn == rm)
                status = forget_kept(&t, &e);
        if (status < 0)
                status = box_words_fail(&e);
        targets_done(&t);
        return status ? status : help_end();
}

int cmd_stop(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "time", .letter = 't', .has_value = true },
                { .name = "all", .letter = 'a' },
                { .name = NULL },
        };

        return run(stop, options, stop_usage, argc, argv);
}

int cmd_kill(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "signal", .letter = 's', .has_value = true },
                { .name = "all", .letter = 'a' },
                { .name = NULL },
        };

        return run(kill_targets, options, kill_usage, argc, argv);
}

int cmd_wait(int argc, char **argv)
{
        struct box_option options[] = { { .name = NULL } };

        return run(wait_for, options, wait_usage, argc, argv);
}

int cmd_rm(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "force", .letter = 'f' },
                { .name = "all", .letter = 'a' },
                { .name = NULL },
        };

        return run(rm, options, rm_usage, argc, argv);
}
