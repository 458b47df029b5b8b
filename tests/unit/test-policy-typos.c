/*
 * No typo loosens.  Every shipped policy is changed in one place, 1,000 times, by a seeded hand: a
 * character is dropped, put in, changed or swapped with the next, a line is doubled, swapped or
 * left out.  Each time the policy is refused, or the plan is equal or tighter; but for what no
 * reader can tell from what was meant:
 *
 *   - a value of which any text could be one (a path, a variable's name, a host, a number): then that
 *     line alone says something else, and all other lines what they said before;
 *   - a line that is gone as a whole, or has become a comment: then all others say what they said.
 */

#include "assemble.h"
#include "layers.h"
#include "option.h"
#include "policy.h"
#include "str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MUTATIONS 1000
#define MAX_TEXT  65536

/* A policy as it is read, with all that it extends below it. */
struct read {
        struct plan plan;
        struct policy_words words;
        struct plan_problems *problems;
        int result;
};

static const char *const outer_env[] = { "PATH=/bin", "HOME=/home/ann", "TERM=x",   "LANG=C",
                                         "LC_ALL=C",  "SECRET=1",       "USER=ann", NULL };

static const struct plan_facts facts = {
        .uid = 1000,
        .gid = 1000,
        .user_name = "ann",
        .home = "/home/ann",
        .account_home = "/home/ann",
        .cwd = "/home/ann/work",
        .cache_home = "/home/ann/.cache",
        .can_write_cwd = true,
        .env = outer_env,
};

static int no_layer(void *user, enum policy_layer layer, const char *name, struct policy_text *ret,
                    struct err *e)
{
        (void)user;
        (void)layer;
        (void)name;
        (void)ret;
        (void)e;
        return 0;
}

static int no_file(void *user, const char *path, const char *dir, struct policy_text *ret,
                   struct err *e)
{
        (void)user;
        (void)dir;
        (void)ret;
        return err_set(e, ENOENT, "no file '%s'", path);
}

static const struct policy_source builtin_only = { .layer = no_layer, .file = no_file };

/* What the text extends, below it; the text's own words of [syscalls] are read, too. */
static void collect(struct read *r, const char *name, const char *text, bool is_image,
                    struct policy_set *ret)
{
        struct policy_text t = { .policy = name,
                                 .name = "x.policy",
                                 .text = text,
                                 .layer = POLICY_USER,
                                 .keeps_syscalls = true };
        struct arena *arena = &r->plan.arena;
        struct err e = { 0 };
        char **words = NULL;
        size_t n = 0;
        size_t line;

        if (policy_extends(arena, &t, &words, &n, &line, &e) < 0)
                plan_add_problem(r->problems, &e);
        policy_collect(arena, &builtin_only, is_image, (const char *const *)words, n, ret,
                       r->problems);
        /* the default policy stands below all others; of itself there is only the one */
        if (str_eq(name, "sandbox") || str_eq(name, "container"))
                ret->n = 0;
        if (policy_set_add(arena, ret, &t, &e) < 0)
                plan_add_problem(r->problems, &e);
}

static void read_text(struct read *r, const char *name, const char *text, bool is_image)
{
        const char *argv[] = { is_image ? "img" : "--", "x", NULL };
        struct policy_set policies = { 0 };
        struct option_list options = { 0 };
        struct plan_request request = {
                .facts = &facts, .options = &options, .policies = &policies, .words = &r->words
        };
        struct err e = { 0 };

        memset(r, 0, sizeof(*r));
        r->problems = calloc(1, sizeof(*r->problems));
        assert_non_null(r->problems);
        if (option_parse(&r->plan.arena, 2, argv, &options, &e) < 0)
                fail_msg("%s", e.text);
        if (is_image) {
                request.image.name = "img";
                request.image.directory = "/srv/root";
        }
        collect(r, name, text, is_image, &policies);
        r->result = plan_assemble(&r->plan, &request, r->problems);
}

static void read_done(struct read *r)
{
        plan_done(&r->plan);
        free(r->problems);
}

static bool is_grant(const struct plan_rule *rule)
{
        return rule->kind == PLAN_RULE_READABLE || rule->kind == PLAN_RULE_WRITABLE ||
               rule->kind == PLAN_RULE_DEVICE || rule->kind == PLAN_RULE_SOCKET;
}

static bool has_rule(const struct plan *p, const struct plan_rule *rule)
{
        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *other = &p->files.rules[i];

                if (other->kind == rule->kind && str_eq(other->box_path, rule->box_path))
                        return true;
        }
        return false;
}

static bool has_pattern(const struct plan *p, const struct plan_pattern *pattern)
{
        for (size_t i = 0; i < p->files.n_patterns; i++) {
                if (p->files.patterns[i].kind == pattern->kind &&
                    str_eq(p->files.patterns[i].text, pattern->text))
                        return true;
        }
        return false;
}

/* What `a` shows `b` shows as well, and what `b` covers or protects `a` does, too. */
static const char *compare_files(const struct plan *old, const struct plan *now)
{
        for (size_t i = 0; i < now->files.n_rules; i++) {
                if (is_grant(&now->files.rules[i]) && !has_rule(old, &now->files.rules[i]))
                        return now->files.rules[i].box_path;
        }
        for (size_t i = 0; i < old->files.n_rules; i++) {
                if (!is_grant(&old->files.rules[i]) && !has_rule(now, &old->files.rules[i]))
                        return old->files.rules[i].box_path;
        }
        for (size_t i = 0; i < now->files.n_patterns; i++) {
                if (now->files.patterns[i].kind == PLAN_RULE_READABLE &&
                    !has_pattern(old, &now->files.patterns[i]))
                        return now->files.patterns[i].text;
        }
        for (size_t i = 0; i < old->files.n_patterns; i++) {
                if (old->files.patterns[i].kind != PLAN_RULE_READABLE &&
                    !has_pattern(now, &old->files.patterns[i]))
                        return old->files.patterns[i].text;
        }
        return NULL;
}

static bool has_net_rule(const struct plan *p, const struct net_rule *rule)
{
        for (size_t i = 0; i < p->net.n_rules; i++) {
                if (p->net.rules[i].is_deny == rule->is_deny &&
                    str_eq(p->net.rules[i].text, rule->text))
                        return true;
        }
        return false;
}

static unsigned rank(enum plan_network mode)
{
        return mode == PLAN_NETWORK_NONE       ? 0
               : mode == PLAN_NETWORK_FILTERED ? 1
               : mode == PLAN_NETWORK_USER     ? 2
                                               : 3;
}

static const char *compare_net(const struct plan_net *old, const struct plan_net *now,
                               const struct plan *old_plan, const struct plan *now_plan)
{
        if (rank(now->mode) > rank(old->mode))
                return "mode";
        if (now->n_ports > old->n_ports || now->n_host_ports > old->n_host_ports)
                return "ports";
        for (size_t i = 0; i < now->n_rules; i++) {
                if (!now->rules[i].is_deny && !has_net_rule(old_plan, &now->rules[i]))
                        return now->rules[i].text;
        }
        for (size_t i = 0; i < old->n_rules; i++) {
                if (old->rules[i].is_deny && !has_net_rule(now_plan, &old->rules[i]))
                        return old->rules[i].text;
        }
        return NULL;
}

static const struct plan_syscall *find_syscall(const struct plan *p, const struct plan_syscall *s)
{
        for (size_t i = 0; i < p->confine.n_syscalls; i++) {
                const struct plan_syscall *other = &p->confine.syscalls[i];

                if (other->kind == s->kind && str_eq(other->word, s->word))
                        return other;
        }
        return NULL;
}

/* The names that kelp-seccomp knows of; any other is refused when the filter is made. */
static bool is_known_call(const char *groups, const char *word)
{
        char name[300];
        size_t len = strcspn(word, ":(");

        if (len == 0 || len + 3 > sizeof(name))
                return false;
        snprintf(name, sizeof(name), " %.*s ", (int)len, word);
        return strstr(groups, name) != NULL;
}

/* "futex" for "@futex": a call of a group that was allowed as a whole. */
static bool is_of_group(const char *groups, const struct plan *old, const char *word)
{
        char name[300];

        snprintf(name, sizeof(name), " %s ", word);
        for (size_t i = 0; i < old->confine.n_syscalls; i++) {
                const struct plan_syscall *s = &old->confine.syscalls[i];
                char start[300];

                if (s->kind != PLAN_SYSCALL_ALLOW || s->word[0] != '@')
                        continue;
                /* a line of it ends where the next one begins, or a comment */
                snprintf(start, sizeof(start), " group %s ", s->word);
                for (const char *at = groups; (at = strstr(at, start)); at++) {
                        const char *line = at + strlen(start) - 1;
                        const char *found = strstr(line, name);
                        const char *end = strstr(line, " group ");
                        const char *comment = strchr(line, '#');

                        if (found && (!end || found < end) && (!comment || found < comment))
                                return true;
                }
        }
        return false;
}

static const char *compare_syscalls(const struct plan *old, const struct plan *now,
                                    const char *groups)
{
        for (size_t i = 0; i < now->confine.n_syscalls; i++) {
                const struct plan_syscall *s = &now->confine.syscalls[i];

                if (s->kind != PLAN_SYSCALL_DEFAULT && !is_known_call(groups, s->word))
                        return NULL;
        }
        for (size_t i = 0; i < now->confine.n_syscalls; i++) {
                const struct plan_syscall *s = &now->confine.syscalls[i];

                if (s->kind == PLAN_SYSCALL_ALLOW && !find_syscall(old, s) &&
                    !is_of_group(groups, old, s->word))
                        return s->word;
        }
        for (size_t i = 0; i < old->confine.n_syscalls; i++) {
                const struct plan_syscall *s = &old->confine.syscalls[i];

                if (s->kind != PLAN_SYSCALL_ALLOW && !find_syscall(now, s))
                        return s->word;
        }
        return NULL;
}

static const char *compare_limits(const struct plan_limits *old, const struct plan_limits *now)
{
        for (size_t i = 0; i < old->n_rlimits; i++) {
                bool is_there = false;

                for (size_t j = 0; j < now->n_rlimits; j++)
                        is_there |= now->rlimits[j].resource == old->rlimits[i].resource &&
                                    now->rlimits[j].soft <= old->rlimits[i].soft &&
                                    now->rlimits[j].hard <= old->rlimits[i].hard;
                if (!is_there)
                        return "limits";
        }
        if (old->timeout_ns && (!now->timeout_ns || now->timeout_ns > old->timeout_ns))
                return "time";
        return NULL;
}

static const char *compare_env(const struct plan_exec *old, const struct plan_exec *now)
{
        for (size_t i = 0; i < now->n_env; i++) {
                bool is_there = false;

                for (size_t j = 0; j < old->n_env; j++)
                        is_there |= str_eq(now->env[i], old->env[j]);
                if (!is_there)
                        return now->env[i];
        }
        return NULL;
}

/* What is looser in `now`, or NULL. */
static const char *find_looser(const struct plan *old, const struct plan *now, const char *groups)
{
        const char *found = compare_files(old, now);

        if (!found)
                found = compare_net(&old->net, &now->net, old, now);
        if (!found)
                found = compare_syscalls(old, now, groups);
        if (!found)
                found = compare_limits(&old->limits, &now->limits);
        if (!found)
                found = compare_env(&old->exec, &now->exec);
        if (!found && (now->confine.keep_caps & ~old->confine.keep_caps))
                found = "capabilities";
        return found;
}

static uint64_t seed;

static size_t draw(size_t n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return n ? (size_t)(seed % n) : 0;
}

enum edit { DROP, CHANGE, INSERT, SWAP, DROP_LINE, DOUBLE_LINE, SWAP_LINES, N_EDITS };

static size_t line_start(const char *text, size_t at)
{
        while (at > 0 && text[at - 1] != '\n')
                at--;
        return at;
}

static size_t line_len(const char *text, size_t start)
{
        size_t len = strcspn(text + start, "\n");

        return len + (text[start + len] == '\n');
}

static void splice(char *out, const char *text, size_t at, size_t gone, const char *put,
                   size_t put_len)
{
        memcpy(out, text, at);
        memcpy(out + at, put, put_len);
        strcpy(out + at + put_len, text + at + gone);
}

static char any_char(void)
{
        static const char likely[] =
                "[]=#;-~/*?$\" \n\tabcdefghijklmnopqrstuvwxyzADHEOT019_.:,\x80\xff\r\x01";

        return likely[draw(sizeof(likely) - 1)];
}

static void edit_text(char *out, const char *text, enum edit edit, size_t at)
{
        size_t start = line_start(text, at);
        size_t len = line_len(text, start);
        size_t next = line_len(text, start + len);
        char c = any_char();
        char pair[2] = { text[at + 1], text[at] };
        char lines[2 * 8192];

        assert_true(len + next < sizeof(lines));
        switch (edit) {
        case DROP:
                splice(out, text, at, 1, "", 0);
                break;
        case CHANGE:
                splice(out, text, at, 1, &c, 1);
                break;
        case INSERT:
                splice(out, text, at, 0, &c, 1);
                break;
        case SWAP:
                splice(out, text, at, pair[0] ? 2 : 1, pair, pair[0] ? 2 : 0);
                break;
        case DROP_LINE:
                splice(out, text, start, len, "", 0);
                break;
        case DOUBLE_LINE:
                splice(out, text, start, 0, text + start, len);
                break;
        case SWAP_LINES:
                memcpy(lines, text + start + len, next);
                memcpy(lines + next, text + start, len);
                splice(out, text, start, len + next, lines, len + next);
                break;
        case N_EDITS:
                break;
        }
}

static bool is_own(const struct policy_word *word)
{
        return str_has_prefix(word->origin, "x.policy:");
}

static bool is_same_word(const struct policy_word *a, const struct policy_word *b)
{
        return str_eq(a->section, b->section) && str_eq(a->key, b->key) &&
               str_eq(a->value, b->value);
}

static size_t next_own(const struct policy_words *words, size_t i)
{
        while (i < words->n && !is_own(&words->items[i]))
                i++;
        return i;
}

/* Keys of which any text could be a value. */
static bool is_open(const struct policy_word *word)
{
        return !str_eq(word->section, "syscalls") && !str_eq(word->section, "capabilities") &&
               !str_eq(word->key, "mode") && !str_eq(word->key, "home") &&
               !str_eq(word->key, "extends");
}

/*
 * Whether what the texts say differs in one line of the old one alone: in what stands there, if it
 * is open, or because it is gone.
 */
static bool differs_in_one_line(const struct read *old, const struct read *now, bool is_gone)
{
        size_t i = next_own(&old->words, 0);
        size_t j = next_own(&now->words, 0);
        const char *line = NULL;

        while (i < old->words.n && j < now->words.n &&
               is_same_word(&old->words.items[i], &now->words.items[j])) {
                i = next_own(&old->words, i + 1);
                j = next_own(&now->words, j + 1);
        }
        if (i == old->words.n)
                return j < now->words.n && is_open(&now->words.items[j]);
        /* of the word that differs, or of the one before it, when something was added behind that */
        line = old->words.items[i].origin;
        if (!is_gone && !is_open(&old->words.items[i]))
                return false;
        if (is_gone) {
                while (i < old->words.n && str_eq(old->words.items[i].origin, line))
                        i = next_own(&old->words, i + 1);
        } else {
                while (i < old->words.n && str_eq(old->words.items[i].origin, line))
                        i = next_own(&old->words, i + 1);
                while (j < now->words.n && str_eq(now->words.items[j].origin, line)) {
                        if (!is_open(&now->words.items[j]))
                                return false;
                        j = next_own(&now->words, j + 1);
                }
        }
        while (i < old->words.n && j < now->words.n &&
               is_same_word(&old->words.items[i], &now->words.items[j])) {
                i = next_own(&old->words, i + 1);
                j = next_own(&now->words, j + 1);
        }
        return i == old->words.n && j == now->words.n;
}

/* How many lines there are that are neither empty nor a comment. */
static size_t count_lines(const char *text)
{
        size_t n = 0;

        while (*text) {
                const char *at = text + strspn(text, " \t");

                n += *at != '#' && *at != ';' && *at != '\n' && *at != '\r' && *at != '\0';
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
        return n;
}

struct tally {
        size_t refused;
        size_t equal;
        size_t untold;
};

struct subject {
        const char *name;
        const char *groups;
        bool is_image;
        char text[MAX_TEXT];
        struct read old;
};

static void judge(struct subject *s, const char *text, enum edit edit, size_t at,
                  struct tally *tally)
{
        struct read now;
        bool is_gone = count_lines(text) < count_lines(s->text);

        read_text(&now, s->name, text, s->is_image);
        if (now.result != 0) {
                assert_true(now.problems->n > 0);
                tally->refused++;
                read_done(&now);
                return;
        }
        const char *looser = find_looser(&s->old.plan, &now.plan, s->groups);
        if (!looser) {
                tally->equal++;
        } else {
                tally->untold++;
                if (!differs_in_one_line(&s->old, &now, is_gone)) {
                        size_t start = line_start(text, at);

                        fail_msg("%s: edit %d at %zu loosens '%s': %.*s", s->name, edit, at, looser,
                                 (int)line_len(text, start), text + start);
                }
        }
        read_done(&now);
}

/* fake is for built-in policies alone, and no user's to slip in. */
static void take_text(struct subject *s)
{
        const char *text = policy_builtin(s->name);
        char *fake;

        assert_true(strlen(text) + 1 < sizeof(s->text));
        strcpy(s->text, text);
        while ((fake = strstr(s->text, "\nfake = ")) != NULL)
                fake[1] = '#';
}

static char *read_groups(void)
{
        FILE *in = fopen(KELP_GROUPS, "re");
        char *text = calloc(1, 1 << 20);
        size_t n;

        assert_non_null(in);
        assert_non_null(text);
        n = fread(text + 1, 1, (1 << 20) - 3, in);
        assert_true(n > 1000);
        fclose(in);
        text[0] = ' ';
        for (char *at = text; *at; at++) {
                if (*at == '\n' || *at == '\t' || *at == ',')
                        *at = ' ';
        }
        return text;
}

static bool is_for_images(const char *name)
{
        struct policy_set set = { 0 };
        struct arena arena = { 0 };
        struct plan_problems *problems = calloc(1, sizeof(*problems));

        assert_non_null(problems);
        policy_collect(&arena, &builtin_only, false, &name, 1, &set, problems);
        bool is_image = problems->n > 0;
        arena_done(&arena);
        free(problems);
        return is_image;
}

static void no_typo_loosens(void **state)
{
        static struct subject s;
        static char text[MAX_TEXT + 8192];
        char *groups = read_groups();

        (void)state;
        for (size_t i = 0; policy_builtin_names[i]; i++) {
                struct tally tally = { 0 };

                s = (struct subject){ .name = policy_builtin_names[i], .groups = groups };
                s.is_image = is_for_images(s.name);
                take_text(&s);
                read_text(&s.old, s.name, s.text, s.is_image);
                if (s.old.result != 0)
                        fail_msg("%s: %s", s.name, s.old.problems->items[0].text);
                seed = 0x9e3779b97f4a7c15u + i;
                for (size_t n = 0; n < MUTATIONS; n++) {
                        enum edit edit = (enum edit)draw(N_EDITS);
                        size_t at = draw(strlen(s.text));

                        /* comments are left out of what is built in: their lines say nothing */
                        while (s.text[at] == '\n' && s.text[at + 1] == '\n')
                                at = draw(strlen(s.text));
                        edit_text(text, s.text, edit, at);
                        judge(&s, text, edit, at, &tally);
                }
                print_message("%s: %zu refused, %zu equal or tighter, %zu cannot be told\n", s.name,
                              tally.refused, tally.equal, tally.untold);
                assert_true(tally.refused > MUTATIONS / 10);
                read_done(&s.old);
        }
        free(groups);
}

/* The test sees what it looks for. */
static void sees_what_loosens(void **state)
{
        static const char *const looser[] = {
                "[files]\nwritable = /opt\n",       "[files]\nreadable = ~/*/x\n",
                "[environment]\npass = SECRET\n",   "[network]\nmode = host\n",
                "[network]\nallow = example.org\n", "[syscalls]\nallow = @debug\n",
                "[devices]\nallow = /dev/fuse\n",
        };
        char *groups = read_groups();
        struct read old;

        (void)state;
        read_text(&old, "mine", "\n", false);
        assert_int_equal(old.result, 0);
        for (size_t i = 0; i < COUNT(looser); i++) {
                struct read now;

                read_text(&now, "mine", looser[i], false);
                if (now.result != 0)
                        fail_msg("%s: %s", looser[i], now.problems->items[0].text);
                if (!find_looser(&old.plan, &now.plan, groups))
                        fail_msg("not seen: %s", looser[i]);
                assert_null(find_looser(&now.plan, &now.plan, groups));
                read_done(&now);
        }
        read_done(&old);
        free(groups);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sees_what_loosens),
                cmocka_unit_test(no_typo_loosens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
