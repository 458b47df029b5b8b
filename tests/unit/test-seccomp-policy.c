/*
 * The text of syscalls.groups and of the [syscalls] of policies: what is understood, and what is
 * refused with which words.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calls.h"
#include "err.h"
#include "groups.h"
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS                                                                                     \
        "number mseal 462\n"                                                                       \
        "number uprobe 336 x86_64\n"                                                               \
        "number moon_call 700\n"                                                                   \
        "group @io read write  # a comment\n"                                                      \
        "group @io, close\n"                                                                       \
        "group @debug ptrace kcmp\n"                                                               \
        "group @new mseal clone3\n"                                                                \
        "group @most @io @new open\n"                                                              \
        "group @nesting mount clone3\n"                                                            \
        "answer ENOSYS @new\n"                                                                     \
        "hot read\n"

#define ALLOWED     SECCOMP_RET_ALLOW
#define ERRNO(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))

enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, PTRACE = 101, KCMP = 312, CLONE3 = 435 };
enum { MOUNT = 165, MSEAL = 462 };

static char dir[64];

static void write_text(const char *name, const char *text, size_t len)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_int_equal(fwrite(text, 1, len, out), len);
        assert_int_equal(fclose(out), 0);
}

static int read_groups(struct groups *g, const char *text, struct err *e)
{
        char path[128];
        const struct arch *arch = arch_find("x86_64", e);

        snprintf(path, sizeof(path), "%s/t.groups", dir);
        write_text("t.groups", text, strlen(text));
        return groups_read(g, path, arch, e);
}

static int read_policy(struct policy *p, const char *text, struct call_variant variant,
                       struct err *e)
{
        char path[128];
        struct groups g;
        struct policy_source source = { .path = path, .variant = variant };

        snprintf(path, sizeof(path), "%s/t.policy", dir);
        if (text)
                write_text("t.policy", text, strlen(text));
        int r = read_groups(&g, GROUPS, e);
        if (r == 0)
                r = policy_read(p, &source, &g, e);
        groups_done(&g);
        return r;
}

static void expect_text(const char *input, const struct err *e, const char *want)
{
        if (!strstr(e->text, want))
                fail_msg("%s\n gives: %s\n not:   %s", input, e->text, want);
}

static void test_groups_are_understood(void **state)
{
        struct groups g;
        struct err e = { 0 };
        const int *members = NULL;
        size_t n = 0;

        (void)state;
        assert_int_equal(read_groups(&g, GROUPS, &e), 0);
        assert_int_equal(groups_lookup(&g, "@most", &members, &n, &e), 0);
        assert_int_equal(n, 6);
        assert_int_equal(members[0], READ);
        assert_int_equal(members[3], MSEAL);
        assert_int_equal(g.answers[MSEAL], ENOSYS);
        assert_int_equal(g.answers[PTRACE], EPERM);
        assert_true(g.is_hot[READ]);
        assert_false(g.is_hot[WRITE]);
        assert_int_equal(groups_lookup(&g, "moon_call", &members, &n, &e), 0);
        assert_int_equal(members[0], 700);
        /* an i386 call: known, and not here */
        assert_int_equal(groups_lookup(&g, "socketcall", &members, &n, &e), 0);
        assert_int_equal(n, 0);
        groups_done(&g);
}

static void test_numbers_follow_the_architecture(void **state)
{
        struct groups g;
        struct err e = { 0 };
        char path[128];
        const int *members = NULL;
        size_t n = 1;

        (void)state;
        write_text("t.groups", GROUPS, strlen(GROUPS));
        snprintf(path, sizeof(path), "%s/t.groups", dir);
        assert_int_equal(groups_read(&g, path, arch_find("aarch64", &e), &e), 0);
        assert_int_equal(groups_lookup(&g, "uprobe", &members, &n, &e), 0);
        assert_int_equal(n, 0);
        assert_int_equal(groups_lookup(&g, "read", &members, &n, &e), 0);
        assert_int_equal(members[0], 63);
        groups_done(&g);
        assert_null(arch_find("pdp11", &e));
}

static void test_groups_are_strict(void **state)
{
        static const struct {
                const char *text;
                const char *want;
        } cases[] = {
                { "group @a nosuchcall\n", "t.groups:1: unknown system call 'nosuchcall'" },
                { "\n# x\ngroup @a reed read\n", "t.groups:3: unknown system call 'reed'" },
                { "group @a @b\n", "unknown group '@b'" },
                { "group @alpha read\ngroup @b @alhpa\n", "did you mean '@alpha'" },
                { "group @a @a\n", "cannot hold itself" },
                { "group a read\n", "takes the name of a group" },
                { "group @ read\n", "takes the name of a group" },
                { "group\n", "takes the name of a group" },
                { "group @a read\ngroup @b @a\ngroup @a write\n",
                  "t.groups:3: group '@a' is used" },
                { "grup @a read\n", "not 'grup'" },
                { "number x\n", "takes a name, a number" },
                { "number x 1 x86_64 y\n", "takes a name, a number" },
                { "number x 0x10\n", "t.groups:1:" },
                { "number x 1024\n", "t.groups:1:" },
                { "number x -1\n", "t.groups:1:" },
                { "number x 5 pdp11\n", "pdp11" },
                { "number x 5\nnumber x 5\n", "given twice" },
                { "number read 5\n", "'read' is 5 here, and 0 in libseccomp" },
                { "number mount 5 aarch64\n", "'mount' is -1 here, and 165 in libseccomp" },
                { "answer EFOO read\n", "'answer' takes one of" },
                { "answer\n", "'answer' takes one of" },
                { "answer EPERM nosuchcall\n", "unknown system call" },
                { "hot nosuchcall\n", "unknown system call" },
                { "never @nosuch\n", "unknown group" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct groups g;
                struct err e = { 0 };

                if (read_groups(&g, cases[i].text, &e) == 0)
                        fail_msg("accepted: %s", cases[i].text);
                expect_text(cases[i].text, &e, cases[i].want);
                groups_done(&g);
        }
}

struct expected_action {
        int nr;
        uint32_t action;
};

static void expect_policy(const char *text, struct call_variant variant,
                          const struct expected_action *want)
{
        struct policy p;
        struct err e = { 0 };

        if (read_policy(&p, text, variant, &e) < 0)
                fail_msg("%s\n gives: %s", text ? text : "", e.text);
        for (size_t i = 0; want[i].nr >= 0; i++)
                if (p.table.actions[want[i].nr] != want[i].action)
                        fail_msg("%s\n call %d: %#x, not %#x", text ? text : "", want[i].nr,
                                 p.table.actions[want[i].nr], want[i].action);
        policy_done(&p);
}

#define PLAIN   ((struct call_variant){ 0 })
#define NESTING ((struct call_variant){ .allow_userns = true })
#define FAKING  ((struct call_variant){ .fake_root = true })
#define EXPECT(text, variant, ...)                                                                 \
        expect_policy(text, variant, (const struct expected_action[]){ __VA_ARGS__, { -1, 0 } })

static void test_policies_are_understood(void **state)
{
        (void)state;
        EXPECT("[syscalls]\ndefault = ENOSYS\nallow = @io\n", PLAIN, { READ, ALLOWED },
               { CLOSE, ALLOWED }, { OPEN, ERRNO(ENOSYS) }, { 1000, ERRNO(ENOSYS) });
        EXPECT("[syscalls]\ndefault=kill\nallow=read write open\n", PLAIN, { OPEN, ALLOWED },
               { CLOSE, SECCOMP_RET_KILL_PROCESS });
        EXPECT("[syscalls]\ndefault = EPERM\ndeny = @debug @new\n", PLAIN, { PTRACE, ERRNO(EPERM) },
               { MSEAL, ERRNO(ENOSYS) }, { CLONE3, ERRNO(ENOSYS) }, { READ, ERRNO(EPERM) });
        /* deny wins, whatever the order */
        EXPECT("[syscalls]\ndeny = read\ndefault = ENOSYS\nallow = @io\n", PLAIN,
               { READ, ERRNO(EPERM) }, { WRITE, ALLOWED });
        /* keys and sections add up; other sections are none of our business */
        EXPECT("[syscalls]\ndefault = ENOSYS\nallow = read\nallow = write\n[files]\nx = y\n"
               "[syscalls]\nallow = @debug\n",
               PLAIN, { READ, ALLOWED }, { WRITE, ALLOWED }, { PTRACE, ALLOWED });
        EXPECT("[syscalls]\ndefault = ENOSYS\nallow = read\n  write\n", PLAIN, { READ, ALLOWED },
               { WRITE, ALLOWED });
        /* log never loosens */
        EXPECT("[syscalls]\ndefault = ENOSYS\nallow = @io\ndeny = write\nlog = @io\n", PLAIN,
               { READ, SECCOMP_RET_LOG }, { WRITE, ERRNO(EPERM) });
}

static void test_allow_userns_wins(void **state)
{
        static const char text[] = "[syscalls]\ndefault = ENOSYS\ndeny = mount @new\n";

        (void)state;
        EXPECT(text, PLAIN, { MOUNT, ERRNO(EPERM) }, { CLONE3, ERRNO(ENOSYS) });
        EXPECT(text, NESTING, { MOUNT, ALLOWED }, { CLONE3, ALLOWED }, { MSEAL, ERRNO(ENOSYS) });
}

static void test_fake_root_changes_what_is_allowed(void **state)
{
        static const char text[] = "[syscalls]\ndefault = ENOSYS\nfake = @io ptrace open\n"
                                   "allow = @io\ndeny = ptrace write\n";
        static const char above[] = "[policy]\nextends = base\n[syscalls]\n";
        struct policy p;
        struct err e = { 0 };

        (void)state;
        EXPECT(text, PLAIN, { READ, ALLOWED }, { WRITE, ERRNO(EPERM) }, { PTRACE, ERRNO(EPERM) });
        EXPECT(text, FAKING, { READ, ERRNO(0) }, { CLOSE, ERRNO(0) }, { WRITE, ERRNO(EPERM) },
               { PTRACE, ERRNO(EPERM) }, { OPEN, ERRNO(ENOSYS) });
        EXPECT(text, ((struct call_variant){ true, true }), { READ, ERRNO(0) }, { MOUNT, ALLOWED });
        /* what a file above refuses stays refused; one that says nothing of it changes nothing */
        write_text("base.policy", text, sizeof(text) - 1);
        EXPECT("[policy]\nextends = base\n", FAKING, { READ, ERRNO(0) }, { CLOSE, ERRNO(0) });
        EXPECT("[policy]\nextends = base\n[syscalls]\ndeny = read\nlog = close\n", FAKING,
               { READ, ERRNO(EPERM) }, { CLOSE, ERRNO(0) });
        assert_int_equal(read_policy(&p, above, PLAIN, &e), 0);
        assert_true(p.table.has_fakes);
        policy_done(&p);
        assert_int_equal(read_policy(&p, "[syscalls]\ndefault = ENOSYS\n", FAKING, &e), -EINVAL);
        expect_text("FAKING", &e, "policy 't+fakeroot' has no 'fake'");
        policy_done(&p);
        assert_int_equal(read_policy(&p, "[syscalls]\ndefault = ENOSYS\nfake = raed\n", PLAIN, &e),
                         -ENOENT);
        policy_done(&p);
}

static void test_policies_extend(void **state)
{
        static const char base[] = "[syscalls]\ndefault = ENOSYS\nallow = @io\ndeny = @debug\n";

        (void)state;
        write_text("base.policy", base, strlen(base));
        EXPECT("[policy]\nextends = base\n[syscalls]\nallow = kcmp\ndeny = write\n", PLAIN,
               { READ, ALLOWED }, { WRITE, ERRNO(EPERM) }, { KCMP, ALLOWED },
               { PTRACE, ERRNO(EPERM) }, { OPEN, ERRNO(ENOSYS) });
        EXPECT("[policy]\nextends = base\n", PLAIN, { READ, ALLOWED }, { OPEN, ERRNO(ENOSYS) });
        EXPECT("[policy]\nextends = base\n[syscalls]\ndefault = kill\n", PLAIN, { READ, ALLOWED },
               { OPEN, SECCOMP_RET_KILL_PROCESS });
}

static void test_policies_are_strict(void **state)
{
        static const struct {
                const char *text;
                const char *want;
        } cases[] = {
                { "[syscalls]\nallow = read\n", "no 'default'" },
                { "", "no 'default'" },
                { "[syscalls]\ndefault = ENOSYS\nallow = raed\n",
                  "t.policy:3: unknown system call" },
                { "[syscalls]\ndefault = ENOSYS\ndeny = @debgu\n", "did you mean '@debug'" },
                { "[syscalls]\ndefault = ENOSYS\nalow = read\n",
                  "unknown key in [syscalls] 'alow'" },
                { "[syscalls]\ndefault = ENOSYS\nalow = read\n", "did you mean 'allow'" },
                { "[syscalls]\ndefault = ENOSYS\nAllow = read\n", "unknown key" },
                { "[syscals]\ndefault = ENOSYS\n", "did you mean 'syscalls'" },
                { "[policy]\nextend = base\n", "t.policy:2: unknown key in [policy] 'extend'" },
                { "default = ENOSYS\n", "unknown section ''" },
                { "[syscalls]\ndefault = allow\n", "not 'allow'" },
                { "[syscalls]\ndefault = enosys\n", "not 'enosys'" },
                { "[syscalls]\ndefault = ENOSYS\ndefault = ENOSYS\n", "t.policy:3: 'default' is" },
                { "[syscalls]\ndefault = ENOSYS\nallow\n", "t.policy:3: neither" },
                { "[syscalls\ndefault = ENOSYS\n", "t.policy:1: neither" },
                { "[syscalls]\ndefault = ENOSYS\nallow = read # why\n", "'#' is not the name of" },
                { "[syscalls]\ndefault = ENOSYS\nlog = ptrace\n",
                  "t.policy:3: 'ptrace' is in 'log'" },
                { "[policy]\nextends = ../base\n", "not the name of a policy" },
                { "[policy]\nextends = /etc/passwd\n", "not the name of a policy" },
                { "[policy]\nextends =\n", "not the name of a policy" },
                { "[policy]\nextends = nosuch\n", "nosuch.policy" },
                { "[policy]\nextends = t\n", "extend each other" },
                { "[policy]\nextends = base\nextends = base\n", "given twice" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct policy p;
                struct err e = { 0 };

                if (read_policy(&p, cases[i].text, PLAIN, &e) == 0)
                        fail_msg("accepted: %s", cases[i].text);
                expect_text(cases[i].text, &e, cases[i].want);
                policy_done(&p);
        }
}

/* A line that inih would cut must not become two. */
static void test_long_lines_are_refused(void **state)
{
        (void)state;
        for (size_t n = 150; n < 450; n++) {
                struct policy p;
                struct err e = { 0 };
                char text[1024];

                int used = snprintf(text, sizeof(text), "[syscalls]\ndefault = ENOSYS\nallow = ");
                int pad = (int)n - (int)strlen("allow = read");
                snprintf(text + used, sizeof(text) - (size_t)used, "%*sread\n", pad, "");
                int r = read_policy(&p, text, PLAIN, &e);
                if (r == 0)
                        assert_int_equal(p.table.actions[READ], ALLOWED);
                else
                        expect_text(text, &e, "t.policy:3: a line of more than");
                assert_int_equal(r == 0, n <= 190);
                policy_done(&p);
        }
}

static void test_binary_files_are_refused(void **state)
{
        static const char text[] = "[syscalls]\ndefault = ENOSYS\nallow = read\0deny = read\n";
        struct policy p;
        struct err e = { 0 };

        (void)state;
        write_text("t.policy", text, sizeof(text) - 1);
        assert_int_equal(read_policy(&p, NULL, PLAIN, &e), -EINVAL);
        expect_text("zero byte", &e, "is not text");
        policy_done(&p);
}

static int make_dir(void **state)
{
        (void)state;
        snprintf(dir, sizeof(dir), "/tmp/test-seccomp-policy-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
        static const char *const names[] = { "t.groups", "t.policy", "base.policy" };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char path[128];

                snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
                unlink(path);
        }
        return rmdir(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_groups_are_understood),
                cmocka_unit_test(test_numbers_follow_the_architecture),
                cmocka_unit_test(test_groups_are_strict),
                cmocka_unit_test(test_policies_are_understood),
                cmocka_unit_test(test_allow_userns_wins),
                cmocka_unit_test(test_fake_root_changes_what_is_allowed),
                cmocka_unit_test(test_policies_extend),
                cmocka_unit_test(test_policies_are_strict),
                cmocka_unit_test(test_long_lines_are_refused),
                cmocka_unit_test(test_binary_files_are_refused),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
