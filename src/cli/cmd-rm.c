#include "commands.h"

#include "box-find.h"
#include "box-targets.h"
#include "facts.h"
#include "fd.h"
#include "mem.h"
#include "path.h"
#include "store.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * kelp rm: what has ended, and what was kept.  The latter is the work of a helper.
 */

#define MAX_NAMES 100000

static const char rm_usage[] =
        "Usage:  kelp rm [-f] [-a | SANDBOX...]\n\n"
        "Removes sandboxes that have ended, with their logs, and what 'kelp run --keep' has kept.\n\n"
        "  -f, --force      kill those that run\n"
        "  -a, --all        all that have ended (with -f: all)\n";

static const char *find_kept_dir(struct arena *arena)
{
        struct plan_facts facts;
        struct err unused = { 0 };

        if (facts_find(arena, &facts, &unused) < 0)
                return NULL;
        const char *store = store_path(arena, facts.home, &unused);
        return store ? kept_path(arena, store, &unused) : NULL;
}

/* Whether there is something that `kelp run --keep` has kept under that name. */
static bool is_kept(struct arena *arena, const char *name)
{
        struct err unused = { 0 };
        struct stat st;

        if (strchr(name, '/') || name[0] == '.')
                return false;
        const char *kept = find_kept_dir(arena);
        const char *path = kept ? path_join(arena, kept, name, &unused) : NULL;
        return path && lstat(path, &st) == 0;
}

struct names {
        struct arena *arena;
        const char **items; /* ended by NULL */
        size_t n;
};

static int add_name(struct names *l, const char *name, struct err *e)
{
        if (arena_grow(l->arena, &l->items, l->n, sizeof(*l->items), MAX_NAMES, "names", e) < 0)
                return -e->code;
        l->items[l->n] = name ? arena_copy(l->arena, name, e) : NULL;
        if (name && !l->items[l->n++])
                return -e->code;
        return 0;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* For a hint: what cannot be listed is not named in it. */
static void list_kept(struct names *l)
{
        const char *kept = find_kept_dir(l->arena);
        autodir *dir = kept ? opendir(kept) : NULL;
        struct dirent *entry;
        struct err unused = { 0 };

        while (dir && (entry = readdir(dir))) {
                if (entry->d_name[0] != '.' && add_name(l, entry->d_name, &unused) < 0)
                        return;
        }
        if (l->n > 1)
                qsort(l->items, l->n, sizeof(*l->items), compare);
}

/* "; these are kept: one two", which `kelp ps` does not list, or nothing. */
static void print_kept(struct arena *arena, char *text, size_t size)
{
        struct names kept = { .arena = arena };
        size_t used;

        text[0] = '\0';
        list_kept(&kept);
        if (kept.n == 0)
                return;
        used = (size_t)snprintf(text, size, "; these are kept:");
        for (size_t i = 0; i < kept.n && used < size; i++)
                used += (size_t)snprintf(text + used, size - used, " %s", kept.items[i]);
        if (used >= size)
                memcpy(text + size - 5, " ...", 5);
}

static int add_box_name(void *arg, const struct box_status *status, struct err *e)
{
        return status->name[0] ? add_name(arg, status->name, e) : 0;
}

/* Of a name that is none: which was meant, or which there are. */
static int unknown(const struct state *state, struct arena *arena, const char *word, struct err *e)
{
        struct names all = { .arena = arena };
        struct err unused = { 0 };
        const char *nearest = NULL;
        char text[200];

        if (box_find_hint(word, e))
                return -e->code;
        list_kept(&all);
        /* a letter or two are near to every other: for a removal that is no guess to make */
        if (strlen(word) > 2 && state_list(state, add_box_name, &all, &unused) == 0 &&
            add_name(&all, NULL, &unused) == 0)
                nearest = str_nearest(word, all.items);
        if (nearest)
                return err_hint(e, "did you mean '%s'", nearest);
        print_kept(arena, text, sizeof(text));
        return err_hint(e, "kelp ps -a lists those of '%s'%s", state->path, text);
}

static int no_word(const struct box_words *w, struct arena *arena, struct err *e)
{
        char text[200];

        box_words_need(w, "rm", w->n_given, e);
        print_kept(arena, text, sizeof(text));
        return err_hint(e, "kelp rm --help; kelp ps -a lists the sandboxes%s", text);
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
                        if (e->code != ENOENT)
                                return -e->code;
                        if (!kept)
                                return unknown(&t->state, arena, word, e);
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
        if (is_forced && box_target_await_gone(&t->state, one, 0, e) < 0)
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

        if (box_words_find(w, "all"))
                r = box_targets_find(t, w, "rm", is_forced ? add_any : add_ended, e);
        else if (w->n_given == 0)
                r = no_word(w, &arena, e);
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
                { .name = "volumes", .letter = 'v', .hint = "there are none: leave it out" },
                { .name = NULL },
        };

        return box_targets_run(rm, options, rm_usage, argc, argv);
}
