#include "commands.h"

#include "box-targets.h"
#include "facts.h"
#include "mem.h"
#include "path.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * kelp rm: what has ended, and what was kept.  The latter is the work of a helper.
 */

static const char rm_usage[] =
        "Usage:  kelp rm [-f] [-a | SANDBOX...]\n\n"
        "Removes sandboxes that have ended, with their logs, and what 'kelp run --keep' has kept.\n\n"
        "  -f, --force      kill those that run\n"
        "  -a, --all        all that have ended (with -f: all)\n";

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
static int find_named(struct box_targets *t, const struct box_words *w, struct arena *arena,
                      struct err *e)
{
        if (state_open(&t->state, e) < 0)
                return -e->code;
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
                if (box_targets_add(t, word, &status, e) < 0)
                        return -e->code;
                t->items[t->n - 1].is_kept = kept;
        }
        return 0;
}

static int still_runs(const struct box_target *t, struct err *e)
{
        err_set(e, EBUSY, "sandbox '%s' runs", box_target_name(t));
        return err_hint(e, "`kelp stop %s` ends it, `kelp rm -f %s` kills and removes it",
                        box_target_name(t), box_target_name(t));
}

static int add_any(void *arg, const struct box_status *status, struct err *e)
{
        return box_targets_add(arg, NULL, status, e);
}

static int add_ended(void *arg, const struct box_status *status, struct err *e)
{
        return status->phase != BOX_EXITED ? 0 : box_targets_add(arg, NULL, status, e);
}

static int remove_one(struct box_targets *t, struct box_target *one, bool is_forced, struct err *e)
{
        if (!one->is_known)
                return 0;
        if (is_forced && box_target_await_gone(&t->state, one, e) < 0)
                return -e->code;
        /* one that goes with its end is gone */
        if (state_remove(&t->state, one->status.id, e) < 0 && e->code != ENOENT)
                return -e->code;
        *e = (struct err){ 0 };
        /* the helper says it of what was kept */
        if (!one->is_kept)
                puts(box_target_name(one));
        return 0;
}

static int remove_targets(struct box_targets *t, bool is_forced, struct err *e)
{
        for (size_t i = 0; i < t->n; i++) {
                struct box_target *one = &t->items[i];

                if (!one->is_known || one->status.phase == BOX_EXITED)
                        continue;
                if (!is_forced)
                        return still_runs(one, e);
        }
        for (size_t i = 0; is_forced && i < t->n; i++) {
                if (t->items[i].is_known &&
                    box_target_ask(&t->state, &t->items[i], CONTROL_STOP, 0, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < t->n; i++) {
                if (remove_one(t, &t->items[i], is_forced, e) < 0)
                        return -e->code;
        }
        return 0;
}

/* Those that were kept are the work of a helper, which takes this process's place. */
static int forget_kept(const struct box_targets *t, struct err *e)
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

static int rm(struct box_targets *t, const struct box_words *w, struct err *e)
{
        struct arena arena = { 0 };
        bool is_forced = box_words_find(w, "force");
        int r;

        if (w->n_given == 0 || box_words_find(w, "all"))
                r = box_targets_find(t, w, "rm", is_forced ? add_any : add_ended, e);
        else
                r = find_named(t, w, &arena, e);
        if (r == 0)
                r = remove_targets(t, is_forced, e);
        if (r == 0)
                r = forget_kept(t, e);
        arena_done(&arena);
        return r;
}

int cmd_rm(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "force", .letter = 'f' },
                { .name = "all", .letter = 'a' },
                { .name = NULL },
        };

        return box_targets_run(rm, options, rm_usage, argc, argv);
}
