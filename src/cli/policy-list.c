#include "asked-plan.h"
#include "facts.h"
#include "help.h"
#include "log.h"
#include "policy-commands.h"
#include "policy-files.h"
#include "policy-words.h"
#include "run-sandbox.h"
#include "str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
        "Usage:  kelp policy list\n\n"
        "Lists the policies that --policy takes by name. FOR says what they are for: a view of this\n"
        "host, an image, or any policy that they are added to (a preset). FROM says where they come\n"
        "from: a file in /etc/kelp or in ~/.config/kelp adds to what is built in by that name.\n";

#define MAX_POLICIES 10000

struct names {
        struct arena arena;
        const char **items;
        size_t n;
};

static int add_name(struct names *names, const char *name, struct err *e)
{
        for (size_t i = 0; i < names->n; i++) {
                if (str_eq(names->items[i], name))
                        return 0;
        }
        if (arena_grow(&names->arena, &names->items, names->n, sizeof(*names->items), MAX_POLICIES,
                       "policies", e) < 0)
                return -e->code;
        names->items[names->n++] = name;
        return 0;
}

static int add_all(struct names *names, const char *const *list, struct err *e)
{
        for (; *list; list++) {
                if (add_name(names, *list, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int find_names(struct names *names, struct plan_facts *facts, struct err *e)
{
        struct policy_files files;

        if (facts_find(&names->arena, facts, e) < 0 ||
            policy_files_start(&files, &names->arena, facts, e) < 0 ||
            add_all(names, policy_builtin_names, e) < 0)
                return -e->code;
        for (enum policy_layer layer = POLICY_SYSTEM; layer <= POLICY_USER; layer++) {
                const char **list;

                if (policy_files_list(&files, layer, &list, e) < 0 || add_all(names, list, e) < 0)
                        return -e->code;
        }
        qsort(names->items, names->n, sizeof(*names->items), compare);
        return 0;
}

/* One line of the list. */
struct row {
        const char *is_for; /* NULL: it has mistakes */
        char from[64];
        char description[200];
};

static void add_layer(struct row *row, const char *name)
{
        size_t used = strlen(row->from);

        snprintf(row->from + used, sizeof(row->from) - used, "%s%s", used > 0 ? " + " : "", name);
}

/* The texts of the policy itself: others are what it extends, and what every run goes by. */
static void find_layers(const struct asked_plan *a, const char *name, struct row *row)
{
        static const char *const names[] = {
                [POLICY_BUILTIN] = "built in",
                [POLICY_SYSTEM] = "/etc/kelp",
                [POLICY_USER] = "your own",
        };

        row->from[0] = '\0';
        for (size_t i = 0; i < a->policies.n; i++) {
                const struct policy_text *text = &a->policies.items[i];

                if (str_eq(text->policy, name) && text->layer <= POLICY_USER)
                        add_layer(row, names[text->layer]);
        }
}

static bool is_line_of(const struct policy_text *text, const char *origin)
{
        size_t len = strlen(text->name);

        return strncmp(origin, text->name, len) == 0 && origin[len] == ':';
}

/* That of the last layer that has one. */
static void find_description(const struct asked_plan *a, const char *name, struct row *row)
{
        for (size_t i = 0; i < a->said.n; i++) {
                const struct policy_word *word = &a->said.items[i];

                if (!str_eq(word->key, "description"))
                        continue;
                for (size_t j = 0; j < a->policies.n; j++) {
                        if (str_eq(a->policies.items[j].policy, name) &&
                            is_line_of(&a->policies.items[j], word->origin))
                                snprintf(row->description, sizeof(row->description), "%s",
                                         word->value);
                }
        }
}

static bool try_root(struct asked_plan *a, bool is_image, const char *name, struct row *row)
{
        struct err e = { 0 };
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), &e);
        bool is_good = problems && asked_plan_read(a, is_image, problems) == 0;

        if (is_good || row->from[0] == '\0')
                find_layers(a, name, row);
        if (is_good)
                find_description(a, name, row);
        return is_good;
}

static int find_row(const char *name, struct row *row, struct err *e)
{
        struct asked_plan a = ASKED_PLAN_NONE;

        *row = (struct row){ .is_for = NULL };
        a.skips_project = true;
        if (asked_plan_add_policy(&a, name, e) == 0) {
                bool is_of_host = try_root(&a, false, name, row);
                bool is_of_image = try_root(&a, true, name, row);

                if (is_of_host || is_of_image)
                        row->is_for = !is_of_image ? "host" : !is_of_host ? "image" : "any";
        }
        asked_plan_done(&a);
        return -e->code;
}

static void put(const char *text, int width)
{
        char safe[1024];
        int used = (int)strlen(str_escape(safe, sizeof(safe), text, strlen(text)));

        printf("%s%*s", safe, used < width ? width - used + 2 : 2, "");
}

static void put_row(const char *name, const struct row *row, int name_width, int from_width)
{
        char safe[4 * sizeof(row->description)];

        put(name, name_width);
        put(row->is_for ? row->is_for : "-", 5);
        put(row->from, from_width);
        if (row->is_for)
                puts(str_escape(safe, sizeof(safe), row->description, strlen(row->description)));
        else
                printf("(has mistakes: kelp policy check %s)\n", name);
}

static int print_list(const struct names *names, struct err *e)
{
        autofree struct row *rows = mem_alloc((names->n + 1) * sizeof(*rows), e);
        int name_width = 4;
        int from_width = 4;

        if (!rows)
                return -e->code;
        for (size_t i = 0; i < names->n; i++) {
                if (find_row(names->items[i], &rows[i], e) < 0)
                        return -e->code;
                if ((int)strlen(names->items[i]) > name_width)
                        name_width = (int)strlen(names->items[i]);
                if ((int)strlen(rows[i].from) > from_width)
                        from_width = (int)strlen(rows[i].from);
        }
        put("NAME", name_width);
        put("FOR", 5);
        put("FROM", from_width);
        puts("DESCRIPTION");
        for (size_t i = 0; i < names->n; i++)
                put_row(names->items[i], &rows[i], name_width, from_width);
        return 0;
}

static int list(void)
{
        struct names names = { .n = 0 };
        struct plan_facts facts;
        struct err e = { 0 };
        int status;

        if (find_names(&names, &facts, &e) == 0)
                print_list(&names, &e);
        if (e.code != 0)
                log_err(&e);
        status = help_end();
        arena_done(&names.arena);
        return e.code != 0 ? EXIT_FAILED : status;
}

int policy_list(int argc, char **argv)
{
        const struct policy_flag flags[] = { { NULL, NULL } };
        int status;

        if (!policy_words_take(&argc, argv, flags, usage, &status))
                return status;
        if (argc > 1) {
                log_error("unexpected word '%s'", argv[1]);
                log_hint("kelp policy show %s prints that policy", argv[1]);
                return EXIT_FAILED;
        }
        return list();
}
