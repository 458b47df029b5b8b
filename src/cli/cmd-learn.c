#include "commands.h"

#include "assemble.h"
#include "facts.h"
#include "fd.h"
#include "layers.h"
#include "learn-file.h"
#include "learn-home.h"
#include "learn-walk.h"
#include "learn-words.h"
#include "learn.h"
#include "log.h"
#include "observe.h"
#include "overlay-dir.h"
#include "policy-files.h"
#include "problems.h"
#include "run-sandbox.h"
#include "str.h"
#include "upstream-tell.h"
#include "word.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * kelp learn: a run that is watched, and the policy that comes of it.
 *
 * While it is watched the command sees what this user sees, but for what the policy hides; it
 * changes nothing, because every writable directory is an overlay, the home as a whole among them;
 * and it reaches hosts by name alone, of which each is noted.  What the policy has to say is what the
 * command did, less what `kelp run` gives anyway.
 */

#define BASE "sandbox"

struct lesson {
        struct arena arena;
        struct learn_words words;
        struct plan_facts facts;
        struct learn_file file;
        struct overlay_dir overlay;
        struct plan_home_part *home_parts; /* none: the home is shown as a whole */
        size_t n_home_parts;
        struct plan run;  /* what is watched */
        struct plan base; /* what a run without a policy of its own gives */
        struct learn learn;
};

/* What is watched is more than BASE gives: else there was nothing to see. */
#define RUN_POLICY                                                                                 \
        "[files]\n"                                                                                \
        "readable = -/mnt -/media\n"                                                               \
        "[network]\n"                                                                              \
        "mode = filtered\n"                                                                        \
        "allow = * *:22 *:9418\n"

static const char run_policy[] = RUN_POLICY;
static const char any_host_policy[] = RUN_POLICY "allow = 0.0.0.0/0 0.0.0.0/0:22 0.0.0.0/0:9418\n"
                                                 "allow = ::/0 [::/0]:22 [::/0]:9418\n";

/* Nothing: but what a text about files might show, secrets are kept out of, and so are known. */
static const char base_policy[] = "[files]\n";

static int fail_all(const struct plan_problems *problems, struct err *e)
{
        problems_tell(problems);
        /* told already */
        return err_set(e, ECANCELED, "the plan has problems");
}

/* Behind all other texts, but before the project's: that may tighten what is watched, too. */
static int add_text(struct lesson *l, const char *text, struct policy_set *set, struct err *e)
{
        const struct policy_text own = {
                .policy = BASE, .name = "kelp learn", .text = text, .layer = POLICY_FILE
        };
        size_t at = set->n;

        if (policy_set_add(&l->arena, set, &own, e) < 0)
                return -e->code;
        while (at > 0 && set->items[at - 1].layer == POLICY_PROJECT) {
                set->items[at] = set->items[at - 1];
                at--;
        }
        set->items[at] = own;
        return 0;
}

static int collect(struct lesson *l, const struct option_list *options, const char *text,
                   struct policy_set *ret, struct plan_problems *problems, struct err *e)
{
        struct policy_files files;

        if (policy_files_start(&files, &l->arena, &l->facts, e) < 0)
                return -e->code;
        policy_files_collect(&files, options, false, ret, problems);
        return add_text(l, text, ret, e);
}

/* A view of this host with these options, and with `text` beside its policy. */
static int assemble(struct lesson *l, const struct option_list *options, const char *text,
                    bool is_run, struct plan *ret, struct err *e)
{
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), e);
        struct policy_set policies = { 0 };
        struct plan_request request = {
                .facts = &l->facts,
                .options = options,
                .policies = &policies,
                .overlay_dir = is_run ? l->overlay.path : NULL,
                .shows_home = is_run && l->n_home_parts == 0,
                .home_parts = l->home_parts,
                .n_home_parts = is_run ? l->n_home_parts : 0,
        };

        if (!problems || collect(l, options, text, &policies, problems, e) < 0)
                return -e->code;
        plan_assemble(ret, &request, problems);
        return problems->n > 0 ? fail_all(problems, e) : 0;
}

static int make_plans(struct lesson *l, struct err *e)
{
        struct option_list plain = l->words.options;

        plain.n = 0;
        const char *text = l->words.allows_any_host ? any_host_policy : run_policy;

        if (assemble(l, &l->words.options, text, true, &l->run, e) < 0)
                return -e->code;
        /* the last word before it is const: kelp-proxy tells of hosts only who wants to know */
        l->run.report.explains = true;
        return assemble(l, &plain, base_policy, false, &l->base, e);
}

/* The host as it is: what the command made went to the overlay. */
static enum learn_object look(const char *path, struct arena *a, const char **ret_real, void *arg,
                              struct err *e)
{
        autofree char *real = realpath(path, NULL);
        struct stat st;

        (void)arg;
        *ret_real = real ? arena_copy(a, real, e) : NULL;
        if (!real || stat(real, &st) < 0)
                return LEARN_NOTHING;
        return S_ISDIR(st.st_mode) ? LEARN_DIRECTORY : LEARN_FILE;
}

/* As a shell reads it: a word that went bare to the file would run outside for who types it again. */
static const char *command_text(struct lesson *l, struct err *e)
{
        const size_t most = 20;
        size_t n = l->words.options.n_args;
        const char *text = "kelp learn --";
        char word[256];

        for (size_t i = 0; text && i < n && i < most; i++)
                text = arena_print(&l->arena, e, "%s %s", text,
                                   word_quote(word, sizeof(word), l->words.options.args[i]));
        return text && n > most ? arena_print(&l->arena, e, "%s ...", text) : text;
}

static void tell_notes(const char *what, const char *const *notes, size_t n)
{
        const size_t shown = 10;

        for (size_t i = 0; i < n && i < shown; i++)
                log_notice("%s: %s", what, notes[i]);
        if (n > shown)
                log_notice("%s: %zu more, see the file", what, n - shown);
}

static void tell_written(const struct lesson *l, size_t n, const char *note)
{
        const char *path = l->words.output;
        char quoted[PATH_MAX];
        char program[256];

        tell_notes("a secret, left out", l->learn.secrets, l->learn.n_secrets);
        tell_notes("not granted", l->learn.refused, l->learn.n_refused);
        if (note)
                log_notice("%s", note);
        log_notice("%s '%s': %zu line%s", l->file.text ? "added to" : "wrote", path, n,
                   n == 1 ? "" : "s");
        log_hint("read it, then: kelp run --policy %s%s -- %s%s", policy_is_file(path) ? "" : "./",
                 word_quote(quoted, sizeof(quoted), path),
                 word_quote(program, sizeof(program), l->words.options.args[0]),
                 l->words.options.n_args > 1 ? " ..." : "");
}

static int write_policy(struct lesson *l, struct err *e)
{
        struct learn_context context = {
                .base = &l->base,
                .base_name = BASE,
                .command = command_text(l, e),
                .options = l->words.given,
                .look = look,
                .walk = learn_walk,
        };
        const char *note = NULL;
        const char *text;
        size_t n;

        if (!context.command || learn_carry(&l->learn, &l->run, e) < 0 ||
            learn_settle(&l->learn, &context, e) < 0)
                return -e->code;
        n = l->learn.n_lines;
        text = l->file.text ? learn_merge(&l->learn, &context, l->words.output, l->file.text, &n,
                                          &note, e)
                            : learn_print(&l->learn, &context, e);
        if (!text || learn_file_write(&l->file, text, e) < 0)
                return -e->code;
        tell_written(l, n, note);
        return 0;
}

static int keep(const struct observe_event *event, void *arg, struct err *e)
{
        return learn_add(arg, event, e);
}

/* A policy of half a run is told of as one. */
static void tell_lost(const struct observe_total *total)
{
        if (!total->is_whole)
                log_notice("the observer ended before the command did: the policy lacks what came "
                           "after that");
        if (total->n_dropped > 0)
                log_notice("the command asked for too many different things: the policy lacks %zu "
                           "of them",
                           total->n_dropped);
        if (total->n_unreadable > 0)
                log_notice("the arguments of %zu calls could not be read", total->n_unreadable);
}

/* Returns the exit status. */
static int watch(struct lesson *l, struct err *e)
{
        struct image_hold hold = IMAGE_HOLD_NONE;
        struct run_result result = { .exit_code = EXIT_FAILED };
        struct observe_total total = { .is_whole = false };
        const struct observe_request request = {
                .spec = { .keeps_allowed = true,
                          .sees_all_calls = true,
                          .max_events = OBSERVE_MAX_EVENTS },
                .each = keep,
                .arg = &l->learn,
                .ret_total = &total,
        };

        if (run_sandbox(&l->run, &hold, NULL, &request, NULL, &result, e) < 0)
                return result.exit_code;
        tell_lost(&total);
        if (result.exit_code != 0)
                log_notice("the command ended with status %d: what it would have done after that "
                           "is not in the policy",
                           result.exit_code);
        return write_policy(l, e) < 0 ? EXIT_FAILED : result.exit_code;
}

static int find_home(struct lesson *l, struct err *e)
{
        const char *mount = NULL;

        if (learn_find_home_parts(&l->arena, l->facts.home, &l->home_parts, &l->n_home_parts,
                                  &mount, e) < 0)
                return -e->code;
        if (mount)
                log_notice("another file system is mounted in your home, at '%s': while the "
                           "command is watched, it cannot write to files right in the home, nor "
                           "to what has that mount in it",
                           mount);
        return 0;
}

static int prepare(struct lesson *l, struct err *e)
{
        if (facts_find(&l->arena, &l->facts, e) < 0 ||
            learn_file_open(&l->arena, l->words.output, l->words.is_merge, l->words.is_forced,
                            &l->file, e) < 0 ||
            overlay_dir_make(&l->arena, &l->overlay, e) < 0 || find_home(l, e) < 0)
                return -e->code;
        if (make_plans(l, e) < 0)
                return -e->code;
        upstream_tell(&l->run.net);
        return 0;
}

static void finish(struct lesson *l)
{
        struct err lost = { 0 };

        if (overlay_dir_remove(&l->overlay, &lost) < 0)
                log_err(&lost);
        learn_done(&l->learn);
        plan_done(&l->run);
        plan_done(&l->base);
        arena_done(&l->arena);
}

int cmd_learn(int argc, char **argv)
{
        struct lesson l = { .overlay = OVERLAY_DIR_NONE };
        struct err e = { 0 };
        int status = EXIT_FAILED;

        if (learn_parse(&l.arena, argc, argv, &l.words, &e) == 0) {
                if (l.words.wants_help)
                        status = learn_print_help();
                else if (prepare(&l, &e) == 0)
                        status = watch(&l, &e);
        }
        /* ECANCELED: it was told already */
        if (e.code != 0 && e.code != ECANCELED)
                log_err(&e);
        finish(&l);
        return status;
}
