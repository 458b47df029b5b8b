#include "asked-plan.h"
#include "facts.h"
#include "fd.h"
#include "help.h"
#include "log.h"
#include "policy-commands.h"
#include "policy-files.h"
#include "policy-warn.h"
#include "policy-words.h"
#include "run-sandbox.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
        "Usage:  kelp policy check [NAME|FILE...]\n\n"
        "Looks for mistakes in policies, and runs nothing. All of them are told, each with its line;\n"
        "warnings are about lines that have no effect, or name what is not there. Without a word it\n"
        "checks all policies in /etc/kelp and in ~/.config/kelp, and the project's own .kelp.policy.\n\n"
        "Exit status: 0 when there is no mistake, 1 when there is one, 125 when it cannot be told.\n";

struct checker {
        struct arena arena;
        const char **told; /* mistakes; those of a policy that others extend are told once */
        size_t n_told;
        bool has_mistakes;
};

#define MAX_TOLD 10000

static bool is_told(const struct checker *c, const char *text)
{
        for (size_t i = 0; i < c->n_told; i++) {
                if (str_eq(c->told[i], text))
                        return true;
        }
        return false;
}

static int tell(struct checker *c, const struct plan_problems *problems, struct err *e)
{
        for (size_t i = 0; i < problems->n; i++) {
                const char *text = problems->items[i].text;

                if (is_told(c, text))
                        continue;
                log_err(&problems->items[i]);
                if (arena_grow(&c->arena, &c->told, c->n_told, sizeof(*c->told), MAX_TOLD,
                               "mistakes", e) < 0)
                        return -e->code;
                c->told[c->n_told] = arena_copy(&c->arena, text, e);
                if (!c->told[c->n_told++])
                        return -e->code;
        }
        if (problems->n_dropped > 0)
                log_error("and %zu more", problems->n_dropped);
        return 0;
}

static void say(const char *what, const char *result, size_t n_warnings)
{
        char safe[4096];

        printf("%s: %s", str_escape(safe, sizeof(safe), what, strlen(what)), result);
        if (n_warnings > 0)
                printf(", %zu warning%s", n_warnings, n_warnings == 1 ? "" : "s");
        putchar('\n');
}

/* `policy` is a value of --policy; NULL: what a run in this directory goes by without one. */
static int check(struct checker *c, const char *policy, const char *what, struct err *e)
{
        struct asked_plan a = ASKED_PLAN_NONE;
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), e);
        size_t n_warnings = 0;
        int r = problems && policy ? asked_plan_add_policy(&a, policy, e) : -e->code;

        a.skips_project = policy != NULL;
        /* a project's file that would loosen a view of this host is none that only tightens */
        if (r == 0 && (policy ? asked_plan_read_any(&a, problems)
                              : asked_plan_read(&a, false, problems)) < 0) {
                c->has_mistakes = true;
                r = tell(c, problems, e);
                say(what, "has mistakes", 0);
        } else if (r == 0) {
                r = policy_warn(&a, &n_warnings, e);
                if (r == 0)
                        say(what, "ok", n_warnings);
        }
        asked_plan_done(&a);
        return r;
}

/* A project's file is looked at from its own directory, as that of a project. */
static int check_project(struct checker *c, const char *file, struct err *e)
{
        const char *slash = strrchr(file, '/');
        const char *dir =
                slash ? arena_copy_n(&c->arena, file, (size_t)(slash - file) + 1, e) : ".";

        autofd here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (!dir)
                return -e->code;
        if (access(file, F_OK) < 0 || here < 0 || chdir(dir) < 0)
                return err_sys(e, "cannot open '%s'", file);
        int r = check(c, NULL, file, e);
        if (fchdir(here) < 0 && r == 0)
                r = err_sys(e, "cannot return to the current directory");
        return r;
}

static bool is_project(const char *word)
{
        const char *slash = strrchr(word, '/');

        return str_eq(slash ? slash + 1 : word, POLICY_FILES_PROJECT);
}

static int check_words(struct checker *c, char **words, struct err *e)
{
        for (; *words; words++) {
                int r = is_project(*words) ? check_project(c, *words, e)
                                           : check(c, *words, *words, e);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_layer(struct checker *c, struct policy_files *files, enum policy_layer layer,
                       struct err *e)
{
        const char **names;
        size_t n = 0;

        if (policy_files_list(files, layer, &names, e) < 0)
                return -e->code;
        while (names[n])
                n++;
        qsort(names, n, sizeof(*names), compare);
        for (; *names; names++) {
                if (check(c, *names, *names, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int check_all(struct checker *c, struct err *e)
{
        struct policy_files files;
        struct plan_facts facts;

        if (facts_find(&c->arena, &facts, e) < 0 ||
            policy_files_start(&files, &c->arena, &facts, e) < 0 ||
            check_layer(c, &files, POLICY_SYSTEM, e) < 0 ||
            check_layer(c, &files, POLICY_USER, e) < 0)
                return -e->code;
        return check(c, NULL, "a run in this directory", e);
}

int policy_check(int argc, char **argv)
{
        const struct policy_flag flags[] = { { NULL, NULL } };
        struct checker c = { .n_told = 0 };
        struct err e = { 0 };
        int status;

        if (!policy_words_take(&argc, argv, flags, usage, &status))
                return status;
        if ((argc > 1 ? check_words(&c, argv + 1, &e) : check_all(&c, &e)) < 0)
                log_err(&e);
        status = help_end();
        arena_done(&c.arena);
        if (e.code != 0 || status != 0)
                return EXIT_FAILED;
        return c.has_mistakes ? POLICY_NO : 0;
}
