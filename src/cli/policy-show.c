#include "asked-plan.h"
#include "call-names.h"
#include "help.h"
#include "lines.h"
#include "log.h"
#include "policy-commands.h"
#include "policy-words.h"
#include "problems.h"
#include "run-sandbox.h"
#include "str.h"
#include "word.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
        "Usage:  kelp policy show [--image] [--lines] [NAME|FILE...]\n\n"
        "Prints the policy of a run in this directory, with all that adds to it: what is built in,\n"
        "what is in /etc/kelp and in ~/.config/kelp, each NAME or FILE as of --policy, and the\n"
        "project's own .kelp.policy. Above each line stands where it comes from. What is printed is\n"
        "a policy itself, or a warning says why one file cannot say it.\n\n"
        "  --image    of a run of an image, not of a view of this host\n"
        "  --lines    a table, one word a line: where it comes from, section and key, the word\n";

/* --- pieces -------------------------------------------------------------------------------------- */

static void put(const char *text)
{
        char safe[4 * LINES_MAX_LEN];

        fputs(str_escape(safe, sizeof(safe), text, strlen(text)), stdout);
}

static void put_word(const struct policy_word *word)
{
        char quoted[2 * LINES_MAX_LEN + 3];
        bool is_quoted = word->is_quoted && word_quote_line(quoted, sizeof(quoted), word->value);

        put(is_quoted ? quoted : word->value);
}

/* What is said about the policy, not by it. */
static bool is_about(const struct policy_word *word)
{
        return str_eq(word->section, "policy");
}

/* --- [syscalls] of built-in policies: they are in the filter that a policy extends --- */

typedef void put_call_line(const char *origin, const char *key, const char *value);

static int each_call_line(const struct policy_text *text, put_call_line *each, struct err *e)
{
        struct lines lines;
        bool is_inside = false;
        int more;

        if (lines_start(&lines, text->text, text->name, e) < 0)
                return -e->code;
        while ((more = lines_next(&lines, e)) > 0) {
                char *line = str_trim(lines.line);
                char *value = strchr(line, '=');
                char origin[LINES_MAX_LEN];

                if (line[0] == '[')
                        is_inside = str_eq(line, "[syscalls]");
                if (!is_inside || !value || line[0] == '[' || line[0] == '#')
                        continue;
                *value++ = '\0';
                snprintf(origin, sizeof(origin), "%s:%zu", text->name, lines.number);
                each(origin, str_trim(line), str_trim(value));
        }
        return more;
}

static int each_builtin_call(const struct asked_plan *a, put_call_line *each)
{
        struct err e = { 0 };

        for (size_t i = 0; i < a->policies.n; i++) {
                const struct policy_text *text = &a->policies.items[i];

                if (text->keeps_syscalls)
                        continue;
                if (each_call_line(text, each, &e) < 0) {
                        log_err(&e);
                        return EXIT_FAILED;
                }
        }
        return 0;
}

/* --- as a policy --- */

static bool is_of_one_file(const struct policy_word *a, const struct policy_word *b)
{
        size_t len = (size_t)(strrchr(a->origin, ':') - a->origin);

        return strncmp(a->origin, b->origin, len + 1) == 0 && !strchr(b->origin + len + 1, ':');
}

/* Whether two words of "deny" answer the same to who calls. */
static bool answer_the_same(const struct policy_word *a, const struct policy_word *b)
{
        struct call_word words[2];
        struct err unused = { 0 };

        return call_word_parse(a->value, &words[0], &unused) == 0 &&
               call_word_parse(b->value, &words[1], &unused) == 0 &&
               words[0].refuse == words[1].refuse;
}

/* Whether two words of [syscalls] name a call in common. */
static bool share_a_call(const struct policy_word *a, const struct policy_word *b)
{
        struct call_word words[2];
        struct err unused = { 0 };
        const int *numbers[2];
        size_t n[2];
        int one[2];

        if (call_word_parse(a->value, &words[0], &unused) < 0 ||
            call_word_parse(b->value, &words[1], &unused) < 0 ||
            call_names_find(&one[0], &words[0], &numbers[0], &n[0], &unused) < 0 ||
            call_names_find(&one[1], &words[1], &numbers[1], &n[1], &unused) < 0)
                return true;
        for (size_t i = 0; i < n[0]; i++) {
                for (size_t j = 0; j < n[1]; j++) {
                        if (numbers[0][i] == numbers[1][j])
                                return true;
                }
        }
        return false;
}

static bool is_denial(const struct policy_word *word)
{
        return str_eq(word->key, "deny");
}

static bool has_arguments(const struct policy_word *word)
{
        return strchr(word->value, '(');
}

static bool is_whole_denial(const struct policy_word *word)
{
        return is_denial(word) && !has_arguments(word);
}

/*
 * Of system calls a later file beats an earlier one, and within one file deny beats allow, and a
 * word with arguments one without: such words of two files mean something else in one.  And in one
 * file it is a mistake to log a call that is denied.
 */
static bool needs_two_files(const struct policy_word *before, const struct policy_word *word)
{
        if (!str_eq(before->section, "syscalls") || is_of_one_file(before, word))
                return false;
        if (str_eq(before->key, "default") || str_eq(word->key, "default"))
                return false;
        if (str_eq(word->key, "log"))
                return false;
        if (str_eq(before->key, "log"))
                return is_whole_denial(word) && share_a_call(before, word);
        if (is_denial(before) && is_denial(word) && answer_the_same(before, word))
                return false;
        return (has_arguments(before) || (is_denial(before) && !is_denial(word))) &&
               share_a_call(before, word);
}

/* Says so, where people and where programs look. */
static void tell_order(const struct policy_words *said)
{
        for (size_t j = 0; j < said->n; j++) {
                const struct policy_word *word = &said->items[j];

                for (size_t i = 0; i < j && str_eq(word->section, "syscalls"); i++) {
                        const char *before = said->items[i].origin;

                        if (!needs_two_files(&said->items[i], word))
                                continue;
                        fputs("# Not a policy by itself: ", stdout);
                        put(word->origin);
                        fputs(" counts behind ", stdout);
                        put(before);
                        fputs(", which one file cannot say.\n", stdout);
                        log_notice("warning: this is not a policy by itself: %s counts behind %s, "
                                   "which one file cannot say",
                                   word->origin, before);
                        return;
                }
        }
}

static void put_head(const struct asked_plan *a, bool has_names)
{
        printf("# What a run %s goes by%s, put together from\n",
               a->plan.root == PLAN_ROOT_IMAGE ? "of an image" : "in this directory",
               has_names ? " under these policies" : "");
        for (size_t i = 0; i < a->policies.n; i++) {
                const struct policy_text *text = &a->policies.items[i];

                fputs("#     ", stdout);
                put(text->name);
                printf(" (%s)\n", policy_layer_name(text->layer));
        }
        tell_order(&a->said);
        printf("\n[policy]\nextends = %s\n", a->policies.filter);
}

static void put_call_comment(const char *origin, const char *key, const char *value)
{
        fputs("# ", stdout);
        put(origin);
        fputs(": ", stdout);
        put(key);
        fputs(" = ", stdout);
        put(value);
        fputc('\n', stdout);
}

/* The words of one line that one other has made useless, as a comment. */
static size_t put_overridden(const struct policy_words *said, size_t at)
{
        const struct policy_word *first = &said->items[at];

        fputs("# ", stdout);
        put(first->origin);
        printf(" has no effect: %s =", first->key);
        for (; at < said->n; at++) {
                const struct policy_word *word = &said->items[at];

                if (!word->overridden || !str_eq(word->overridden, first->overridden) ||
                    !str_eq(word->origin, first->origin))
                        break;
                fputc(' ', stdout);
                put_word(word);
        }
        fputs("; ", stdout);
        put(first->overridden);
        fputs(" takes its place\n", stdout);
        return at;
}

/* The words of one line that are in force, as one line again. */
static size_t put_line(const struct policy_words *said, size_t at)
{
        const struct policy_word *first = &said->items[at];

        fputs("# ", stdout);
        put(first->origin);
        printf("\n%s =", first->key);
        for (; at < said->n; at++) {
                const struct policy_word *word = &said->items[at];

                if (word->overridden || !str_eq(word->origin, first->origin) ||
                    !str_eq(word->key, first->key))
                        break;
                fputc(' ', stdout);
                put_word(word);
        }
        fputc('\n', stdout);
        return at;
}

static void put_section(const struct policy_words *said, const char *section)
{
        bool has_head = false;

        for (size_t at = 0; at < said->n;) {
                const struct policy_word *word = &said->items[at];

                if (!str_eq(word->section, section)) {
                        at++;
                        continue;
                }
                if (!has_head)
                        printf("\n[%s]\n", section);
                has_head = true;
                at = word->overridden ? put_overridden(said, at) : put_line(said, at);
        }
}

static bool is_first_of_section(const struct policy_words *said, size_t at)
{
        for (size_t i = 0; i < at; i++) {
                if (str_eq(said->items[i].section, said->items[at].section))
                        return false;
        }
        return true;
}

static int put_policy(const struct asked_plan *a, bool has_names)
{
        put_head(a, has_names);
        for (size_t i = 0; i < a->said.n; i++) {
                if (!is_about(&a->said.items[i]) && is_first_of_section(&a->said, i))
                        put_section(&a->said, a->said.items[i].section);
        }
        fputs("\n# what is built in says of system calls, and comes with 'extends'\n", stdout);
        return each_builtin_call(a, put_call_comment);
}

/* --- as a table --- */

static void put_row(const char *origin, const char *section, const char *key, const char *value)
{
        char name[64];

        snprintf(name, sizeof(name), "%s.%s", section, key);
        put(origin);
        printf("%*s%-20s ", strlen(origin) < 22 ? (int)(24 - strlen(origin)) : 2, "", name);
        put(value);
}

static void put_call_row(const char *origin, const char *key, const char *value)
{
        put_row(origin, "syscalls", key, value);
        fputc('\n', stdout);
}

static int put_table(const struct asked_plan *a)
{
        for (size_t i = 0; i < a->said.n; i++) {
                const struct policy_word *word = &a->said.items[i];

                put_row(word->origin, word->section, word->key, word->value);
                if (word->overridden) {
                        fputs("  (no effect: ", stdout);
                        put(word->overridden);
                        fputc(')', stdout);
                }
                fputc('\n', stdout);
        }
        return each_builtin_call(a, put_call_row);
}

/* --- the command --- */

static int show(struct asked_plan *a, bool is_image, bool has_names, bool is_table)
{
        struct err e = { 0 };
        autofree struct plan_problems *problems = mem_alloc(sizeof(*problems), &e);

        if (!problems) {
                log_err(&e);
                return EXIT_FAILED;
        }
        int r = has_names && !is_image ? asked_plan_read_any(a, problems)
                                       : asked_plan_read(a, is_image, problems);
        if (r < 0) {
                problems_tell(problems);
                return EXIT_FAILED;
        }
        int status = is_table ? put_table(a) : put_policy(a, has_names);
        return help_end() != 0 ? EXIT_FAILED : status;
}

int policy_show(int argc, char **argv)
{
        struct asked_plan a = ASKED_PLAN_NONE;
        struct err e = { 0 };
        bool is_image = false;
        bool is_table = false;
        const struct policy_flag flags[] = {
                { "--image", &is_image },
                { "--lines", &is_table },
                { NULL, NULL },
        };
        int status;

        if (!policy_words_take(&argc, argv, flags, usage, &status))
                return status;
        for (int i = 1; i < argc && e.code == 0; i++)
                asked_plan_add_policy(&a, argv[i], &e);
        if (e.code != 0) {
                log_err(&e);
                status = EXIT_FAILED;
        } else {
                status = show(&a, is_image, argc > 1, is_table);
        }
        asked_plan_done(&a);
        return status;
}
