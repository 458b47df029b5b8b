#include "asked-plan.h"

#include "facts.h"
#include "image-find.h"
#include "log.h"
#include "option-files.h"
#include "policy-files.h"
#include "root.h"
#include "run-sandbox.h"
#include "str.h"
#include "userns.h"

#include <errno.h>
#include <stdio.h>

static int fail(const struct err *e)
{
        /* ECANCELED: a helper has written the line already */
        if (e->code != ECANCELED)
                log_err(e);
        return EXIT_FAILED;
}

int asked_plan_tell(const struct plan_problems *problems)
{
        for (size_t i = 0; i < problems->n; i++)
                log_err(&problems->items[i]);
        if (problems->n_dropped > 0)
                log_error("and %zu more", problems->n_dropped);
        return EXIT_FAILED;
}

/* --image is no option of a run: there the image is a word, here the words are the question. */
static int take_image(struct asked_plan *a, int *argc, char **argv, struct err *e)
{
        int n = 1;

        for (int i = 1; i < *argc; i++) {
                if (str_has_prefix(argv[i], "--image=")) {
                        a->image_name = argv[i] + sizeof("--image=") - 1;
                } else if (str_eq(argv[i], "--image") && i + 1 < *argc) {
                        a->image_name = argv[++i];
                } else if (str_eq(argv[i], "--image")) {
                        return err_set(e, EINVAL, "option '--image' needs a value: --image NAME");
                } else {
                        argv[n++] = argv[i];
                }
        }
        argv[n] = NULL;
        *argc = n;
        return 0;
}

int asked_plan_parse(struct asked_plan *a, int argc, char **argv)
{
        struct option_list *list = &a->options;
        struct err e = { 0 };

        a->hold = (struct image_hold)IMAGE_HOLD_NONE;
        if (take_image(a, &argc, argv, &e) < 0 ||
            option_parse(&a->plan.arena, (size_t)argc - 1, (const char *const *)argv + 1, list,
                         &e) < 0)
                return fail(&e);
        /* the first word is the question's, not an image */
        a->words = list->image ? list->args - 1 : list->args;
        a->n_words = list->n_args + (list->image != NULL);
        list->is_host = !a->image_name;
        list->image = a->image_name;
        return 0;
}

static int find_image(struct asked_plan *a, struct plan_image_source *ret)
{
        struct err e = { 0 };

        if (a->image_name && image_find(&a->plan.arena, a->image_name, &a->facts, OPTION_PULL_NEVER,
                                        ret, &a->hold.store_lock, &e) < 0)
                return fail(&e);
        return 0;
}

static void collect(struct asked_plan *a, struct plan_problems *problems)
{
        struct policy_files files;
        struct err e = { 0 };

        if (policy_files_start(&files, &a->plan.arena, &a->facts, &e) < 0)
                plan_add_problem(problems, &e);
        else
                policy_files_collect(&files, &a->options, a->image_name != NULL, &a->policies,
                                     problems);
}

static int assemble(struct asked_plan *a, const struct plan_image_source *image)
{
        static const char *const command[] = { "true" };
        struct plan_request request = {
                .facts = &a->facts,
                .options = &a->options,
                .policies = &a->policies,
                .words = a->wants_words ? &a->words_of_policies : NULL,
                .image = *image,
        };
        struct err e = { 0 };
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), &e);

        if (!problems)
                return fail(&e);
        /* what is run is no part of the question */
        a->options.args = command;
        a->options.n_args = 1;
        collect(a, problems);
        plan_assemble(&a->plan, &request, problems);
        return problems->n > 0 ? asked_plan_tell(problems) : 0;
}

int asked_plan_make(struct asked_plan *a)
{
        struct plan_image_source image = { 0 };
        struct err e = { 0 };

        if (facts_find(&a->plan.arena, &a->facts, &e) < 0 ||
            option_files_read(&a->plan.arena, &a->options, &e) < 0)
                return fail(&e);
        int status = find_image(a, &image);
        if (status == 0)
                status = assemble(a, &image);
        if (status == 0 &&
            tree_build(&a->plan, plan_fakes_root(&a->plan, userns_expects_one_id(&a->plan)),
                       &a->tree, &e) < 0)
                return fail(&e);
        return status;
}

int asked_plan_build(struct asked_plan *a)
{
        struct err e = { 0 };

        return tree_build(&a->plan, a->fakes_root, &a->tree, &e) < 0 ? fail(&e) : 0;
}

void asked_plan_done(struct asked_plan *a)
{
        tree_done(&a->tree);
        image_hold_done(&a->hold);
        plan_done(&a->plan);
}
