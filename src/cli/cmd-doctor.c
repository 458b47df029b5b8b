#include "cmd-doctor.h"

#include "apparmor.h"
#include "fact.h"
#include "help.h"
#include "log.h"
#include "mem.h"
#include "str.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * kelp doctor [--json] [--apparmor-profile]
 *
 * One line a subject: state, name, what it means; below it, where there is something to do, why and
 * how.  The last line is the verdict.
 */

enum {
        EXIT_CANNOT_RUN = 1,
        EXIT_USAGE = 125,
};

static const char usage[] =
        "Usage: kelp doctor [--json]\n"
        "       kelp doctor --apparmor-profile\n"
        "\n"
        "Tries what a sandbox needs and says what this machine can do, why not, and what to do.\n"
        "\n"
        "  --json              the same for programs\n"
        "  --apparmor-profile  print a profile that allows this kelp user namespaces\n"
        "\n"
        "Exit status: 0 when 'kelp run' works here, 1 when it does not, 125 for a wrong option.\n";

enum mode { MODE_TEXT, MODE_JSON, MODE_PROFILE, MODE_HELP };

/* What is printed may come from files that others write. */
static void print_escaped(const char *text, size_t len)
{
        char safe[2048];

        fputs(str_escape(safe, sizeof(safe), text, len), stdout);
}

static const char *color_of(enum host_state state)
{
        switch (state) {
        case HOST_OK:
                return "\033[32m";
        case HOST_WEAKER:
                return "\033[33m";
        case HOST_MISSING:
                break;
        }
        return "\033[31m";
}

static bool want_color(void)
{
        const char *no = getenv("NO_COLOR");

        return isatty(STDOUT_FILENO) && !(no && no[0] != '\0');
}

/* "fix:" in front of the first line, the others below it. */
static void print_cause(const struct host_cause *cause)
{
        const char *label = "fix:";

        if (cause->why[0] != '\0') {
                fputs("                            why: ", stdout);
                print_escaped(cause->why, strlen(cause->why));
                putchar('\n');
        }
        for (const char *at = cause->fix; *at;) {
                size_t len = strcspn(at, "\n");

                printf("                            %s ", label);
                print_escaped(at, len);
                putchar('\n');
                label = "    ";
                at += len + (at[len] == '\n');
        }
}

static void print_fact(const struct host_probe *probe, const struct host_fact *fact, bool color)
{
        printf("%s%-7s%s  %-17s  ", color ? color_of(fact->state) : "",
               host_state_name(fact->state), color ? "\033[0m" : "", probe->name);
        print_escaped(fact->what, strlen(fact->what));
        putchar('\n');
        print_cause(&fact->cause);
        /* a probe may take a second: what is known is shown meanwhile */
        fflush(stdout);
}

static void print_json_string(const char *text)
{
        putchar('"');
        for (const char *at = text; *at; at++) {
                unsigned char c = (unsigned char)*at;

                if (c == '"' || c == '\\')
                        printf("\\%c", c);
                else if (c < 0x20 || c == 0x7f)
                        printf("\\u%04x", c);
                else
                        putchar(c);
        }
        putchar('"');
}

static void print_json_fact(const struct host_probe *probe, const struct host_fact *fact,
                            bool is_first)
{
        const struct {
                const char *key;
                const char *value;
        } fields[] = {
                { "name", probe->name },    { "state", host_state_name(fact->state) },
                { "what", fact->what },     { "why", fact->cause.why },
                { "fix", fact->cause.fix },
        };

        fputs(is_first ? "\n    {" : ",\n    {", stdout);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                char safe[2048];

                /* newlines part the lines of a fix, and JSON can say them */
                if (strchr(fields[i].value, '\n'))
                        snprintf(safe, sizeof(safe), "%s", fields[i].value);
                else
                        str_escape(safe, sizeof(safe), fields[i].value, strlen(fields[i].value));
                printf("%s\"%s\": ", i > 0 ? ", " : "", fields[i].key);
                print_json_string(safe);
        }
        printf(", \"needed\": %s}", probe->is_needed ? "true" : "false");
}

/* Tells every fact; false when something that a run needs is missing. */
static bool tell_facts(const struct host_view *v, enum mode mode)
{
        bool color = want_color();
        bool can_run = true;

        for (size_t i = 0; i < host_n_probes; i++) {
                struct host_fact fact = { .state = HOST_OK };

                host_probes[i].run(v, &fact);
                if (host_probes[i].is_needed && fact.state == HOST_MISSING)
                        can_run = false;
                if (mode == MODE_JSON)
                        print_json_fact(&host_probes[i], &fact, i == 0);
                else
                        print_fact(&host_probes[i], &fact, color);
        }
        return can_run;
}

static int diagnose(const struct host_view *v, enum mode mode)
{
        if (mode == MODE_JSON)
                fputs("{\n  \"facts\": [", stdout);
        bool can_run = tell_facts(v, mode);
        if (mode == MODE_JSON)
                printf("\n  ],\n  \"can_run\": %s\n}\n", can_run ? "true" : "false");
        else
                printf("\n%s\n", can_run ? "'kelp run' works here."
                                         : "'kelp run' does not work here: see what is missing.");
        return can_run ? 0 : EXIT_CANNOT_RUN;
}

static int print_profile(const struct host_view *v)
{
        struct arena arena = { 0 };
        struct err e = { 0 };
        const char *text = host_apparmor_profile(&arena, v->exe, &e);

        if (text)
                fputs(text, stdout);
        else
                log_err(&e);
        arena_done(&arena);
        return text ? 0 : EXIT_CANNOT_RUN;
}

static void tell_unknown(const char *word)
{
        static const char *const known[] = { "--json", "--apparmor-profile", "--help", NULL };
        const char *near = word[0] == '-' ? str_nearest(word, known) : NULL;

        if (word[0] == '-')
                log_error("unknown option '%s'", word);
        else
                log_error("unexpected word '%s'", word);
        if (near)
                log_hint("did you mean '%s'", near);
        else
                log_hint("kelp doctor --help");
}

static bool parse_options(int argc, char **argv, enum mode *ret)
{
        *ret = MODE_TEXT;
        for (int i = 1; i < argc; i++) {
                if (str_eq(argv[i], "--json")) {
                        *ret = MODE_JSON;
                } else if (str_eq(argv[i], "--apparmor-profile")) {
                        *ret = MODE_PROFILE;
                } else if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h")) {
                        *ret = MODE_HELP;
                        return true;
                } else {
                        tell_unknown(argv[i]);
                        return false;
                }
        }
        return true;
}

int cmd_doctor(int argc, char **argv)
{
        struct host_view v;
        struct err e = { 0 };
        enum mode mode;
        int code;

        if (!parse_options(argc, argv, &mode))
                return EXIT_USAGE;
        if (mode == MODE_HELP) {
                fputs(usage, stdout);
                return help_end();
        }
        if (host_view_open(&v, "/", &e) < 0) {
                log_err(&e);
                return EXIT_CANNOT_RUN;
        }
        code = mode == MODE_PROFILE ? print_profile(&v) : diagnose(&v, mode);
        host_view_done(&v);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                log_error("cannot write to stdout");
                return EXIT_CANNOT_RUN;
        }
        return code;
}
