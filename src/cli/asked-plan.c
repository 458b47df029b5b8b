#include "asked-plan.h"

#include "facts.h"
#include "image-find.h"
#include "log.h"
#include "option-files.h"
#include "policy-files.h"
#include "problems.h"
#include "root.h"
#include "run-sandbox.h"
#include "str.h"
#include "userns.h"

#include <errno.h>
#include <string.h>

static int fail(const struct err *e)
{
        /* ECANCELED: a helper has written the line already */
        if (e->code != ECANCELED)
                log_err(e);
        return EXIT_FAILED;
}

/* --image is no option of a run: there the image is a word, here the words are the question. */
static int take_image(struct asked_plan *a, int *argc, char **argv, struct err *e)
{
        int n = 1;

        for (int i = 1; i < *argc; i++) {
                if (str_has_prefix(argv[i], "--image="))
                        a->image_name = argv[i] + sizeof("--image=") - 1;
                else if (!str_eq(argv[i], "--image"))
                        argv[n++] = argv[i];
                else if (i + 1 < *argc)
                        a->image_name = argv[++i];
                else
                        return err_set(e, EINVAL, "option '--image' needs a value: --image NAME");
        }
        argv[n] = NULL;
        *argc = n;
        return 0;
}

int asked_plan_parse(struct asked_plan *a, int argc, char **argv)
{
        struct option_list *list = &a->options;
        struct err e = { 0 };

        if (take_image(a, &argc, argv, &e) < 0 ||
            option_parse(&a->arena, (size_t)argc - 1, (const char *const *)argv + 1, list, &e) < 0)
                return fail(&e);
        /* the first word is the question's, not an image */
        a->words = list->image ? list->args - 1 : list->args;
        a->n_words = list->n_args + (list->image != NULL);
        list->is_host = !a->image_name;
        list->image = a->image_name;
        return 0;
}

int asked_plan_add_policy(struct asked_plan *a, const char *value, struct err *e)
{
        struct option_list *list = &a->options;
        const struct option_row *row = option_table;

        while (!str_eq(row->name, "policy"))
                row++;
        if (arena_grow(&a->arena, &list->uses, list->n, sizeof(*list->uses), OPTION_MAX_USES,
                       "policies", e) < 0)
                return -e->code;
        list->uses[list->n++] = (struct option_use){ .row = row, .value = value };
        return 0;
}

static int find_facts(struct asked_plan *a, struct err *e)
{
        if (a->has_facts)
                return 0;
        if (facts_find(&a->arena, &a->facts, e) < 0)
                return -e->code;
        a->has_facts = true;
        return 0;
}

static void collect(struct asked_plan *a, bool is_image, struct plan_problems *problems)
{
        struct policy_files files;
        struct err e = { 0 };

        if (policy_files_start(&files, &a->plan.arena, &a->facts, &e) < 0)
                plan_add_problem(problems, &e);
        else
                policy_files_collect(&files, &a->options, is_image, &a->policies, problems);
        while (a->skips_project && a->policies.n > 0 &&
               a->policies.items[a->policies.n - 1].layer == POLICY_PROJECT)
                a->policies.n--;
}

static int assemble(struct asked_plan *a, const struct plan_image_source *image, bool is_question,
                    struct plan_problems *problems)
{
        static const char *const command[] = { "true" };
        struct plan_request request = {
                .facts = &a->facts,
                .options = &a->options,
                .policies = &a->policies,
                .words = is_question ? &a->said : NULL,
                .image = *image,
                .is_question = is_question,
        };

        /* what is run is no part of the question */
        a->options.args = command;
        a->options.n_args = 1;
        collect(a, image->name != NULL, problems);
        plan_assemble(&a->plan, &request, problems);
        return problems->n > 0 ? -EINVAL : 0;
}

static int find_image(struct asked_plan *a, struct plan_image_source *ret, struct err *e)
{
        if (!a->image_name)
                return 0;
        return image_find(&a->plan.arena, a->image_name, &a->facts, OPTION_PULL_NEVER, ret,
                          &a->hold.store_lock, e);
}

int asked_plan_make(struct asked_plan *a)
{
        struct plan_image_source image = { 0 };
        struct err e = { 0 };
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), &e);

        if (!problems || find_facts(a, &e) < 0 ||
            option_files_read(&a->arena, &a->options, &e) < 0 || find_image(a, &image, &e) < 0)
                return fail(&e);
        if (assemble(a, &image, false, problems) < 0) {
                problems_tell(problems);
                return EXIT_FAILED;
        }
        a->fakes_root = plan_fakes_root(&a->plan, userns_expects_one_id(&a->plan));
        return 0;
}

int asked_plan_build(struct asked_plan *a)
{
        struct err e = { 0 };

        return tree_build(&a->plan, a->fakes_root, &a->tree, &e) < 0 ? fail(&e) : 0;
}

static void forget(struct asked_plan *a)
{
        plan_done(&a->plan);
        a->plan = (struct plan){ 0 };
        a->policies = (struct policy_set){ 0 };
        a->said = (struct policy_words){ 0 };
}

/* Of a word that was no option nothing is said of one. */
static void drop_option(struct plan_problems *problems)
{
        static const char prefix[] = "option '--policy': ";
        const size_t len = sizeof(prefix) - 1;

        for (size_t i = 0; i < problems->n; i++) {
                char *text = problems->items[i].text;

                if (str_has_prefix(text, prefix))
                        memmove(text, text + len, strlen(text + len) + 1);
        }
}

int asked_plan_read(struct asked_plan *a, bool is_image, struct plan_problems *problems)
{
        struct plan_image_source image = { 0 };
        struct err e = { 0 };

        forget(a);
        if (find_facts(a, &e) < 0) {
                plan_add_problem(problems, &e);
                return -e.code;
        }
        if (is_image) {
                image.name = "IMAGE";
                image.directory = "/";
        }
        int r = assemble(a, &image, true, problems);
        drop_option(problems);
        return r;
}

int asked_plan_read_any(struct asked_plan *a, struct plan_problems *problems)
{
        struct err e = { 0 };
        autofree struct plan_problems *of_host = mem_alloc(sizeof(*of_host), &e);
        autofree struct plan_problems *of_image = mem_alloc(sizeof(*of_image), &e);

        if (!of_host || !of_image) {
                plan_add_problem(problems, &e);
                return -e.code;
        }
        if (asked_plan_read(a, false, of_host) == 0 || asked_plan_read(a, true, of_image) == 0)
                return 0;
        /* the kind that it is wrong for has one more to say */
        bool is_image = of_image->n + of_image->n_dropped < of_host->n + of_host->n_dropped;
        return asked_plan_read(a, is_image, problems);
}

void asked_plan_done(struct asked_plan *a)
{
        tree_done(&a->tree);
        image_hold_done(&a->hold);
        plan_done(&a->plan);
        arena_done(&a->arena);
}
