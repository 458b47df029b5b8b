#include "commands.h"

#include "assemble.h"
#include "detach.h"
#include "dump.h"
#include "facts.h"
#include "fd.h"
#include "filter-find.h"
#include "help.h"
#include "image-find.h"
#include "limit-tier.h"
#include "log.h"
#include "mem.h"
#include "option-files.h"
#include "policy-files.h"
#include "problems.h"
#include "proc.h"
#include "review-end.h"
#include "root.h"
#include "run-fds.h"
#include "run-sandbox.h"
#include "status.h"
#include "step.h"
#include "str.h"
#include "suggest.h"
#include "userns.h"
#include "weaker-tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/*
 * kelp run: reads what the plan needs to know, has it made and checked, and hands it to the engine.
 */

struct front {
        struct option_list options;
        struct plan_facts facts;
        struct image_hold hold;
        int status_fd;           /* of --status-fd; -1: none, or not usable */
        const char *review_path; /* with --review; NULL: without */
        struct review review;
};

static void tell_failed(const struct front *f, const struct err *why, const char *step)
{
        struct err lost = { 0 };

        if (status_setup_failed(f->status_fd, why, step, &lost) < 0)
                log_err(&lost);
}

/*
 * For what goes wrong before there is a plan: one line, and the same for the status stream.
 * ECANCELED: a helper has written the line already.
 */
static int fail(const struct front *f, const struct err *e)
{
        if (e->code != ECANCELED)
                log_err(e);
        tell_failed(f, e, "options");
        return EXIT_FAILED;
}

static int fail_all(const struct front *f, const struct plan_problems *problems)
{
        problems_tell(problems);
        tell_failed(f, &problems->items[0], "options");
        return EXIT_FAILED;
}

static int find_dump_facts(const struct plan *p, struct dump_facts *ret, struct err *e)
{
        autofilter filter = { 0 };
        struct err unused = { 0 };
        struct limit_tiers tiers;

        if (limit_tiers_choose(&p->limits, 0, &tiers, e) < 0)
                return -e->code;
        limit_tiers_tell(&tiers);
        ret->memory_words = limit_memory_words(tiers.memory);
        ret->cpus_words = limit_cpus_words(tiers.cpus);
        ret->processes_words = limit_processes_words(tiers.processes);
        ret->has_one_id = userns_expects_one_id(p);
        if (filter_find(p, ret->has_one_id, &filter, &unused) == 0)
                ret->n_instructions = filter.program.len;
        return 0;
}

MEM_OWN_FRAME static int print_plan(const struct front *f, const struct plan *p)
{
        struct dump_facts facts;
        struct tree tree = { 0 };
        struct err e = { 0 };
        int status = 0;

        if (find_dump_facts(p, &facts, &e) < 0 ||
            tree_build(p, plan_fakes_root(p, facts.has_one_id), &tree, &e) < 0) {
                log_err(&e);
                tell_failed(f, &e, step_name(STEP_SOURCES));
                status = EXIT_FAILED;
        } else if (dump_plan(stdout, p, &tree, &facts) < 0) {
                log_error("cannot write to stdout");
                status = EXIT_FAILED;
        }
        tree_done(&tree);
        return status;
}

/* Asked after the run, when standard input is no longer what it was. */
static bool has_terminal(void)
{
        autofd tty = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        return tty >= 0;
}

/* Whoever names a sandbox that was kept will look for what is in it. */
MEM_OWN_FRAME static void tell_not_kept(const struct plan *p, const char *kept)
{
        char path[PATH_MAX];

        if (!p->name || !kept || p->image.is_kept)
                return;
        int n = snprintf(path, sizeof(path), "%s/%s", kept, p->name);
        if (n < (int)sizeof(path) && access(path, F_OK) == 0)
                log_notice(
                        "without --keep this run is not the sandbox '%s' that was kept: it starts "
                        "afresh, and its changes are thrown away",
                        p->name);
}

/* The review of a run, or NULL. */
static struct review *review_of(struct front *f)
{
        return f->review_path ? &f->review : NULL;
}

/* The one word by which it can be found: who does not get it there is told here. */
static int print_id(const char *id)
{
        struct err e = { 0 };

        if (puts(id) >= 0 && fflush(stdout) == 0)
                return 0;
        err_sys(&e, "sandbox '%s' was started, but its id cannot be written to stdout", id);
        err_hint(&e, "it runs: `kelp stop %s` ends it", id);
        log_err(&e);
        return EXIT_FAILED;
}

/* What it has written is told by the one who supervises it: here nobody waits for its end. */
MEM_OWN_FRAME static int run_detached(struct front *f, const struct plan *p)
{
        struct run_result result = { .exit_code = EXIT_FAILED };
        char id[BOX_ID_SIZE];
        struct err e = { 0 };

        if (detach_run(p, &f->hold, review_of(f), &result, id, &e) < 0) {
                log_err(&e);
                return result.exit_code;
        }
        fd_close(&f->review.lock);
        return print_id(id);
}

static int run_plan(struct front *f, const struct plan *p, const char *kept)
{
        struct run_result result = { .exit_code = EXIT_FAILED };
        struct err e = { 0 };

        weaker_tell(p);
        tell_not_kept(p, kept);
        if (p->report.is_detached)
                return run_detached(f, p);
        if (run_sandbox(p, &f->hold, review_of(f), NULL, NULL, &result, &e) < 0)
                log_err(&e);
        review_end(&f->review, false);
        /*
         * A shell goes on with its loop or script when a command merely exits with 130: it must see
         * that the Ctrl-C which ended the payload has ended us.
         */
        if (result.signal == SIGINT && has_terminal())
                proc_die_by(SIGINT);
        return result.exit_code;
}

static void collect_policies(const struct front *f, struct plan *p, bool is_image,
                             struct policy_set *ret, struct plan_problems *problems)
{
        struct policy_files files;
        struct err e = { 0 };

        if (policy_files_start(&files, &p->arena, &f->facts, &e) < 0)
                plan_add_problem(problems, &e);
        else
                policy_files_collect(&files, &f->options, is_image, ret, problems);
}

MEM_OWN_FRAME static int make_plan(struct front *f, struct plan *p,
                                   const struct plan_image_source *image, int argc, char **argv)
{
        struct policy_set policies = { 0 };
        struct plan_request request = {
                .facts = &f->facts,
                .options = &f->options,
                .policies = &policies,
                .image = *image,
                .overlay_dir = f->review_path,
                .is_review = f->review_path != NULL,
                .review_lock = f->review.lock,
        };
        struct err e = { 0 };
        /* twenty texts: too much for a stack that pid 1 inherits */
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), &e);
        int status = 0;

        if (!problems)
                return fail(f, &e);
        p->exec.hint = suggest_order(&p->arena, &f->options, argc, argv);
        /* what is wrong with one policy keeps nobody from reading what is wrong with the others */
        collect_policies(f, p, image->name != NULL, &policies, problems);
        plan_assemble(p, &request, problems);
        run_fds_check(p, problems);
        if (problems->n > 0)
                status = fail_all(f, problems);
        return status;
}

/*
 * An image that is not there may be the value that an option lacks ("--timeout IMAGE COMMAND"), and
 * a command that is suggested in its place has to work with the options.  The exit status, or 0.
 */
static int try_options(const struct front *f, int code)
{
        struct err e = { 0 };
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), &e);
        struct plan_request request = { .facts = &f->facts, .options = &f->options };

        if (!problems)
                return fail(f, &e);
        if (!suggest_is_command(&f->options, code))
                request.image.name = f->options.image;
        plan_try_options(&request, problems);
        return problems->n > 0 ? fail_all(f, problems) : 0;
}

static int tell_no_image(const struct front *f, int argc, char **argv, struct err *e)
{
        if ((e->code == ENOENT || e->code == ENOEXEC) && !err_get_hint(e)) {
                int status = try_options(f, e->code);

                if (status != 0)
                        return status;
                suggest_command(&f->options, argc, argv, e);
        }
        return fail(f, e);
}

MEM_OWN_FRAME static int find_image(struct front *f, struct plan *p, int argc, char **argv,
                                    struct plan_image_source *ret)
{
        enum option_pull pull = OPTION_PULL_NEVER;
        struct err e = { 0 };

        if (f->options.is_host)
                return 0;
        if (!f->options.image) {
                err_set(&e, EINVAL, "there is neither an image nor '-- COMMAND'");
                err_hint(&e, "kelp run -- COMMAND, or kelp run IMAGE; see kelp run --help");
                return fail(f, &e);
        }
        if (option_pull(&f->options, &pull, &e) < 0)
                return fail(f, &e);
        if (image_find(&p->arena, f->options.image, &f->facts, pull, ret, &f->hold.store_lock,
                       &e) == 0)
                return 0;
        return tell_no_image(f, argc, argv, &e);
}

static int start_review(struct front *f, struct plan *p)
{
        const char *root;
        struct err e = { 0 };

        if (!f->options.is_host || !option_find(&f->options, "review"))
                return 0;
        if (review_find_root(&p->arena, f->facts.home, &root, &e) < 0 ||
            review_make(root, &f->review, &f->review_path, &e) < 0) {
                f->review_path = NULL;
                return fail(f, &e);
        }
        return 0;
}

static int run_with(struct front *f, struct plan *p, int argc, char **argv)
{
        struct plan_image_source image = { 0 };
        struct err e = { 0 };
        int status;

        if (option_parse(&p->arena, (size_t)argc - 1, (const char *const *)argv + 1, &f->options,
                         &e) < 0) {
                f->status_fd = run_fds_guess_status(argc, argv);
                return fail(f, &e);
        }
        if (option_find(&f->options, "help"))
                return help_print_run();
        f->status_fd = run_fds_early_status(&f->options);
        if (facts_find(&p->arena, &f->facts, &e) < 0 ||
            option_files_read(&p->arena, &f->options, &e) < 0)
                return fail(f, &e);
        status = find_image(f, p, argc, argv, &image);
        if (status == 0)
                status = start_review(f, p);
        if (status == 0)
                status = make_plan(f, p, &image, argc, argv);
        if (status != 0)
                return status;
        return p->report.is_dry_run ? print_plan(f, p) : run_plan(f, p, image.kept_dir);
}

int cmd_run(int argc, char **argv)
{
        struct front f = { .status_fd = -1, .hold = IMAGE_HOLD_NONE, .review = REVIEW_NONE };
        struct plan p = { 0 };
        int status;

        /* "-h" is the host name of docker run; alone it can only be a question */
        if (argc == 2 && str_eq(argv[1], "-h"))
                return help_print_run();
        status = run_with(&f, &p, argc, argv);
        review_end(&f.review, false);
        review_done(&f.review);
        image_hold_done(&f.hold);
        plan_done(&p);
        return status;
}
