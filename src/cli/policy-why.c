#include "asked-plan.h"
#include "blocked.h"
#include "help.h"
#include "log.h"
#include "path.h"
#include "policy-commands.h"
#include "question.h"
#include "run-sandbox.h"
#include "str.h"
#include "why-path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
        "Usage:  kelp policy why [OPTIONS] PATH [r|w|x]\n"
        "        kelp policy why [OPTIONS] HOST[:PORT]\n"
        "        kelp policy why [OPTIONS] syscall NAME...\n\n"
        "Says whether a run with these options, from this directory, may do that, and by which line\n"
        "of which policy; where something would allow it, that is named. What begins with '/', '~'\n"
        "or '.' is a path. Several letters or names are several questions.\n\n"
        "  --image NAME     in an image, not in a view of this host\n"
        "                   all other options are those of kelp run: --policy, --writable, ...\n\n"
        "Exit status: 0 when all of it is allowed, 1 when something is refused, 125 when there is no\n"
        "answer.\n";

static void put(const char *text)
{
        char safe[4 * WHY_MAX_TEXT];

        fputs(str_escape(safe, sizeof(safe), text, strlen(text)), stdout);
}

static void put_verdict(const struct why *why)
{
        fputs(why->is_allowed ? "allowed: " : "refused: ", stdout);
        put(why->reason);
        if (why->origin) {
                fputs(", by ", stdout);
                put(why->origin);
        }
        fputc('\n', stdout);
}

static void put_hint(const struct why *why)
{
        if (why->comment[0]) {
                fputs("note: ", stdout);
                put(why->comment);
                fputc('\n', stdout);
        }
        if (why->is_allowed || (!why->option[0] && !why->line[0]))
                return;
        fputs("hint: ", stdout);
        put(why->option[0] ? why->option : why->line);
        if (why->option[0] && why->line[0]) {
                fputs(", or in a policy: ", stdout);
                put(why->line);
        }
        if (why->behind[0]) {
                fputs(", in a policy behind '", stdout);
                put(why->behind);
                fputc('\'', stdout);
        }
        fputc('\n', stdout);
}

/* `question`: of several, which this is the answer to; NULL: there is only one. */
static int tell(const struct why *why, const char *question)
{
        if (question) {
                put(question);
                fputs(": ", stdout);
        }
        put_verdict(why);
        put_hint(why);
        return why->is_allowed ? 0 : POLICY_NO;
}

static int fail(const struct err *e)
{
        log_err(e);
        return EXIT_FAILED;
}

/* A path of the box: "~" and what counts from the current directory have their names of the host. */
static const char *box_path(struct asked_plan *a, const char *text, struct err *e)
{
        struct arena *arena = &a->plan.arena;
        const char *home = a->plan.files.home;
        const char *base = a->facts.cwd;

        if (text[0] == '~' && (text[1] == '\0' || text[1] == '/')) {
                const char *rest = text + 1 + strspn(text + 1, "/");

                if (home)
                        return path_clean(arena, home, rest[0] ? rest : ".", e);
                err_set(e, ENOENT, "'%s': your home directory is not known", text);
                return NULL;
        }
        if (text[0] != '/' && !base) {
                err_set(e, ENOENT, "'%s': the current directory is gone", text);
                return NULL;
        }
        return path_clean(arena, base ? base : "/", text, e);
}

static int ask_path(struct asked_plan *a, const struct question *q)
{
        static const char *const letters[] = {
                [WHY_READ] = "r",
                [WHY_WRITE] = "w",
                [WHY_EXECUTE] = "x",
        };
        struct err e = { 0 };
        const char *path = box_path(a, q->text, &e);

        if (!path)
                return fail(&e);
        int status = asked_plan_build(a);
        if (status != 0)
                return status;
        for (size_t i = 0; i < q->n_accesses; i++) {
                struct why why;

                if (why_path(&a->plan, &a->tree, path, q->accesses[i], &why, &e) < 0)
                        return fail(&e);
                if (tell(&why, q->n_accesses > 1 ? letters[q->accesses[i]] : NULL) != 0)
                        status = POLICY_NO;
        }
        return status;
}

/* A rule of this one address opens it though it is this host's own. */
static bool is_opened_alone(const struct plan_net *net, int family, const uint8_t *address,
                            uint16_t port)
{
        for (size_t i = 0; i < net->n_rules; i++) {
                const struct net_rule *rule = &net->rules[i];

                if (!rule->is_deny && rule->prefix == (family == AF_INET ? 32 : 128) &&
                    net_rule_matches_address(rule, family, address, port))
                        return true;
        }
        return false;
}

/* By addresses that a plan does not know: this host's, and with slirp4netns the link's. */
static int judge_address(const struct plan *p, const struct question *q, struct why *why,
                         struct err *e)
{
        unsigned char address[16];
        int family = strchr(q->text, ':') ? AF_INET6 : AF_INET;
        bool is_filtered = p->net.mode == PLAN_NETWORK_FILTERED;
        struct blocked blocked;

        if (inet_pton(family, q->text, address) != 1) {
                if (!is_filtered)
                        snprintf(why->comment, sizeof(why->comment),
                                 "if its address is neither this host's nor the link's own");
                return 0;
        }
        if (blocked_collect(&blocked, e) < 0)
                return -e->code;
        const struct blocked_net *net = blocked_find(&blocked, family, address);
        if (!net || (is_filtered && (!net->is_host || (family == AF_INET && address[0] == 127) ||
                                     is_opened_alone(&p->net, family, address, q->port))))
                return 0;
        why_say(why, false, NULL, "%s",
                net->is_host ? "an address of this host, which is kept out"
                             : "a special address, which leads to this host or its link");
        if (is_filtered)
                why_suggest_host(p, q->text, q->port, why);
        return 0;
}

static int ask_host(struct asked_plan *a, const struct question *q)
{
        const struct plan *p = &a->plan;
        struct err e = { 0 };
        struct why why;

        if (why_host(p, q->text, q->port, &why, &e) < 0)
                return fail(&e);
        if (why.is_allowed &&
            (p->net.mode == PLAN_NETWORK_USER || p->net.mode == PLAN_NETWORK_FILTERED) &&
            judge_address(p, q, &why, &e) < 0)
                return fail(&e);
        return tell(&why, NULL);
}

static int ask_syscalls(struct asked_plan *a, const struct question *q)
{
        struct err e = { 0 };
        int status = 0;

        for (size_t i = 0; i < q->n_calls; i++) {
                struct why why;

                if (why_syscall(&a->plan, a->fakes_root, q->calls[i], &why, &e) < 0)
                        return fail(&e);
                if (tell(&why, q->n_calls > 1 ? q->calls[i] : NULL) != 0)
                        status = POLICY_NO;
        }
        return status;
}

static int ask(struct asked_plan *a)
{
        struct question q;
        struct err e = { 0 };

        if (question_read(&a->plan.arena, a->words, a->n_words, &q, &e) < 0)
                return fail(&e);
        int status = asked_plan_make(a);
        if (status != 0)
                return status;
        switch (q.kind) {
        case QUESTION_PATH:
                return ask_path(a, &q);
        case QUESTION_HOST:
                return ask_host(a, &q);
        case QUESTION_SYSCALL:
                return ask_syscalls(a, &q);
        }
        return EXIT_FAILED;
}

int policy_why(int argc, char **argv)
{
        struct asked_plan a = ASKED_PLAN_NONE;
        int status = asked_plan_parse(&a, argc, argv);

        if (status == 0 && option_find(&a.options, "help")) {
                fputs(usage, stdout);
                status = help_end();
        } else if (status == 0) {
                status = ask(&a);
                if (help_end() != 0)
                        status = EXIT_FAILED;
        }
        asked_plan_done(&a);
        return status;
}
