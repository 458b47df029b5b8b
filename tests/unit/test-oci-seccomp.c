/*
 * What kelp-oci-seccomp makes of a profile: the words it takes and refuses, and filters, which are run
 * and held against what the specification says of their rules.
 */

#include "compile.h"
#include "fd.h"
#include "io.h"
#include "test-seccomp-vm.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* What is printed behind one another. */
struct text {
        char *data;
        size_t size;
        size_t len;
};

__attribute__((format(printf, 2, 3))) static void print(struct text *t, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        t->len += (size_t)vsnprintf(t->data + t->len, t->size - t->len, fmt, args);
        va_end(args);
        assert_true(t->len < t->size);
}

/* ------ words ------ */

static struct compiled compiled;

static int compile(const char *text, struct err *e)
{
        compiled_done(&compiled);
        memset(&compiled, 0, sizeof(compiled));
        memset(e, 0, sizeof(*e));
        return compile_profile(text, strlen(text), &compiled, e);
}

static void refuses(const char *text, const char *why)
{
        struct err e;

        assert_int_equal(compile(text, &e), -EINVAL);
        if (!strstr(e.text, why))
                fail_msg("'%s' is refused with '%s', not '%s'", text, e.text, why);
}

static void takes(const char *text)
{
        struct err e;

        if (compile(text, &e) < 0)
                fail_msg("'%s' is refused: %s", text, e.text);
}

#define RULE(more)                                                                                 \
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"               \
        "\"action\":\"SCMP_ACT_ERRNO\"" more "}]}"
#define TOP(more) "{\"defaultAction\":\"SCMP_ACT_ERRNO\"" more "}"
#define AT        "linux.seccomp."

static void test_refusals(void **state)
{
        (void)state;
        refuses("", "linux.seccomp is not valid JSON");
        refuses("[]", "linux.seccomp: must be an object");
        refuses("{}", AT "defaultAction: is missing");
        refuses("{\"defaultAction\":null}", AT "defaultAction: is missing");
        refuses("{\"defaultAction\":1}", AT "defaultAction: must be a string");
        refuses("{\"defaultAction\":\"SCMP_ACT_ALOW\"}", "unknown action 'SCMP_ACT_ALOW'");
        refuses("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
                AT "defaultErrnoRet: 'SCMP_ACT_ALLOW' takes none");
        refuses(TOP(",\"defaultErrnoRet\":-1"), AT "defaultErrnoRet: must be an integer");
        refuses(TOP(",\"defaultErrnoRet\":4096"), AT "defaultErrnoRet: must be an integer from 0");
        refuses(TOP(",\"architectures\":{}"), AT "architectures: must be an array");
        refuses(TOP(",\"architectures\":[\"SCMP_ARCH_X86\",1]"),
                AT "architectures[1]: must be a string");
        refuses(TOP(",\"architectures\":[\"x86\"]"), AT "architectures[0]: unknown architecture");
        refuses(TOP(",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"]"),
                AT "flags[0]: unknown flag");
        refuses(TOP(",\"listenerMetadata\":\"x\""), AT "listenerMetadata: is of no use");
        refuses(TOP(",\"syscalls\":[1]"), AT "syscalls[0]: must be an object");
        refuses(TOP(",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]"),
                AT "syscalls[0].names: is missing");
        refuses(TOP(",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}]"),
                AT "syscalls[0].names: must not be empty");
        refuses(TOP(",\"syscalls\":[{\"names\":[\"read\",2],\"action\":\"SCMP_ACT_ALLOW\"}]"),
                AT "syscalls[0].names[1]: must be a string");
        refuses(TOP(",\"syscalls\":[{\"names\":[\"read\"]}]"), AT "syscalls[0].action: is missing");
        refuses(TOP(",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
                AT "listenerPath: 'SCMP_ACT_NOTIFY' needs it");
}

static void test_refused_rules(void **state)
{
        (void)state;
        refuses(RULE(",\"errnoRet\":true"), AT "syscalls[0].errnoRet: must be an integer");
        refuses(RULE(",\"args\":{}"), AT "syscalls[0].args: must be an array");
        refuses(RULE(",\"args\":[7]"), AT "syscalls[0].args[0]: must be an object");
        refuses(RULE(",\"args\":[{\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
                AT "syscalls[0].args[0].index: is missing");
        refuses(RULE(",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
                AT "syscalls[0].args[0].index: must be an integer from 0 to 5");
        refuses(RULE(",\"args\":[{\"index\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
                AT "syscalls[0].args[0].value: is missing");
        refuses(RULE(",\"args\":[{\"index\":1,\"value\":1}]"),
                AT "syscalls[0].args[0].op: is missing");
        refuses(RULE(",\"args\":[{\"index\":1,\"value\":1,\"op\":\"X\"}]"),
                AT "syscalls[0].args[0].op: unknown operator 'X'");
        refuses(RULE(",\"args\":[{\"index\":1,\"value\":18446744073709551616,"
                     "\"op\":\"SCMP_CMP_EQ\"}]"),
                "linux.seccomp");
        refuses("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
                "\"action\":\"SCMP_ACT_LOG\",\"errnoRet\":1}]}",
                AT "syscalls[0].errnoRet: 'SCMP_ACT_LOG' takes none");
}

static void test_words(void **state)
{
        (void)state;
        takes(TOP(
                ",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_FLAG_LOG\","
                "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]"));
        assert_int_equal(compiled.form.flags, 1 | 2 | 4 | 32);
        assert_int_equal(compiled.form.has_listener, 0);
        takes(TOP(",\"syscalls\":null,\"architectures\":null,\"flags\":[],\"defaultErrnoRet\":null,"
                  "\"listenerPath\":\"/x\",\"future\":{}"));
        takes(TOP(",\"listenerPath\":\"/x\",\"listenerMetadata\":\"y\",\"syscalls\":[{\"names\":"
                  "[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"));
        assert_int_equal(compiled.form.has_listener, 1);
        takes(RULE(",\"args\":[{\"index\":1,\"value\":18446744073709551615,\"valueTwo\":0,"
                   "\"op\":\"SCMP_CMP_MASKED_EQ\"}]"));
        takes(TOP(",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\"}]"));
        takes(TOP(",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86_64\","
                  "\"SCMP_ARCH_AARCH64\"]"));
}

/* A call without its rule is only told of aloud where the default lets it through. */
static void test_unknown_names(void **state)
{
        (void)state;
        takes(RULE("},{\"names\":[\"no\\nsuch\"],\"action\":\"SCMP_ACT_KILL\""));
        assert_true(compiled.notices[0] == FILTER_FORM_NOTICE);
        assert_non_null(strstr(compiled.notices, "syscalls[1].names: no rule for 'no\\x0asuch'"));
        takes(TOP(",\"syscalls\":[{\"names\":[\"no_such\",\"read\"],"
                  "\"action\":\"SCMP_ACT_ALLOW\"}]"));
        assert_true(compiled.notices[0] == FILTER_FORM_DETAIL);
        assert_int_equal(compiled.form.notices_len, strlen(compiled.notices));
}

/* Thousands of notices are cut between two lines. */
static void test_many_notices(void **state)
{
        static char data[50000];
        struct text t = { data, sizeof(data), 0 };

        (void)state;
        print(&t, "{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{\"action\":"
                  "\"SCMP_ACT_ALLOW\",\"names\":[\"x\"");
        for (int i = 0; t.len < sizeof(data) - 100; i++)
                print(&t, ",\"no%d\"", i);
        print(&t, "]}]}");
        takes(data);
        assert_true(compiled.form.notices_len < FILTER_FORM_MAX_NOTICES);
        assert_true(compiled.notices[compiled.form.notices_len - 1] == '\n');
}

/* ------ filters ------ */

static const char *const names[] = {
        "read",    "write",  "open",   "close",  "personality", "clone",       "mmap",
        "ioctl",   "fcntl",  "prctl",  "getpid", "kill",        "mount",       "setns",
        "unshare", "ptrace", "openat", "execve", "dup2",        "getrandom",   "statx",
        "futex",   "umask",  "chroot", "reboot", "syslog",      "sethostname", "quotactl",
};
static const uint32_t actions[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EACCES,
                                    SECCOMP_RET_KILL_THREAD, SECCOMP_RET_LOG };
static const char *const action_words[] = { "\"SCMP_ACT_ALLOW\"",
                                            "\"SCMP_ACT_ERRNO\",\"errnoRet\":13",
                                            "\"SCMP_ACT_KILL\"", "\"SCMP_ACT_LOG\"" };
static const char *const op_words[] = { "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ" };

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MAX_RULES 120
#define FALLBACK  (SECCOMP_RET_ERRNO | ENOSYS)

struct cond {
        unsigned arg;
        size_t op;
        uint64_t value;
        uint64_t two;
};

/*
 * All rules of a name have one action: which of several wins is not what is tested.  Nor are several
 * comparisons of size of one argument, of which libseccomp makes what they do not mean.
 */
struct rule {
        size_t name;
        struct cond conds[2];
        size_t n_conds;
};

static uint64_t seed = 1;

static uint64_t noise(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

static uint64_t noisy_value(void)
{
        uint64_t value = noise();

        switch (noise() % 4) {
        case 0:
                return value % 8;
        case 1:
                return 1ull << value % 64;
        case 2:
                return value & UINT32_MAX;
        default:
                return value;
        }
}

static size_t action_of(size_t name)
{
        return name % COUNT(actions);
}

static bool cond_holds(const struct cond *c, const __u64 *args)
{
        uint64_t arg = args[c->arg];

        switch (c->op) {
        case 0:
                return arg != c->value;
        case 1:
                return arg < c->value;
        case 2:
                return arg <= c->value;
        case 3:
                return arg == c->value;
        case 4:
                return arg >= c->value;
        case 5:
                return arg > c->value;
        default:
                return (arg & c->value) == c->two;
        }
}

/* Conditions on one argument are alternatives; on two, both must hold. */
static bool rule_holds(const struct rule *r, const __u64 *args)
{
        if (r->n_conds == 0)
                return true;
        bool one = cond_holds(&r->conds[0], args);
        if (r->n_conds == 1)
                return one;
        bool other = cond_holds(&r->conds[1], args);
        return r->conds[0].arg == r->conds[1].arg ? one || other : one && other;
}

static uint32_t expected(const struct rule *rules, size_t n, size_t name, const __u64 *args)
{
        for (size_t i = 0; i < n; i++) {
                if (rules[i].name == name && rule_holds(&rules[i], args))
                        return actions[action_of(name)];
        }
        return FALLBACK;
}

#define IS_SIZE(op) ((op) != 3 && (op) != 6)

static void make_cond(struct cond *c, bool can_be_size)
{
        c->arg = noise() % 3;
        do
                c->op = noise() % COUNT(op_words);
        while (IS_SIZE(c->op) && !can_be_size);
        c->value = noisy_value();
        c->two = noise() % 2 ? c->value & noise() : 0;
}

/* The first rule of a name alone compares sizes, and by one condition. */
static void make_rule(struct rule *rules, size_t at, bool has_conds)
{
        struct rule *r = &rules[at];
        bool is_first = true;

        *r = (struct rule){ .name = noise() % COUNT(names) };
        for (size_t i = 0; i < at; i++)
                is_first = is_first && rules[i].name != r->name;
        r->n_conds = has_conds ? noise() % 3 : 0;
        for (size_t i = 0; i < r->n_conds; i++)
                make_cond(&r->conds[i], is_first && r->n_conds == 1);
}

static void print_rule(struct text *t, const struct rule *r)
{
        print(t, "{\"names\":[\"%s\"],\"action\":%s", names[r->name],
              action_words[action_of(r->name)]);
        for (size_t i = 0; i < r->n_conds; i++)
                print(t,
                      "%s{\"index\":%u,\"value\":%llu,\"valueTwo\":%llu,"
                      "\"op\":\"SCMP_CMP_%s\"}",
                      i == 0 ? ",\"args\":[" : ",", r->conds[i].arg,
                      (unsigned long long)r->conds[i].value, (unsigned long long)r->conds[i].two,
                      op_words[r->conds[i].op]);
        print(t, "%s}", r->n_conds > 0 ? "]" : "");
}

/* The filter of `rules`; returns its length. */
static size_t build(const struct rule *rules, size_t n, struct sock_filter *insns)
{
        static char data[MAX_RULES * 300 + 300];
        struct text t = { data, sizeof(data), 0 };

        print(&t, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
                  "\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\","
                  "\"SCMP_ARCH_X32\",\"SCMP_ARCH_AARCH64\"],\"syscalls\":[");
        for (size_t i = 0; i < n; i++) {
                print(&t, "%s", i > 0 ? "," : "");
                print_rule(&t, &rules[i]);
        }
        print(&t, "]}");
        takes(data);
        autofd fd = memfd_create("filter", MFD_CLOEXEC);
        assert_int_equal(seccomp_export_bpf(compiled.filter, fd), 0);
        ssize_t size = pread(fd, insns, BPF_MAXINSNS * sizeof(*insns), 0);
        assert_true(size > 0);
        return (size_t)size / sizeof(*insns);
}

static void check(const struct sock_filter *insns, size_t len, const struct seccomp_data *data,
                  uint32_t want)
{
        struct vm_result got = vm_run(insns, len, data);

        assert_false(got.is_broken);
        if (got.action != want)
                fail_msg("arch %x, call %d(%llx, %llx, %llx): %x, not %x", data->arch, data->nr,
                         (unsigned long long)data->args[0], (unsigned long long)data->args[1],
                         (unsigned long long)data->args[2], got.action, want);
}

/* Arguments near to what the rules compare with, on the architecture that takes all of their bits. */
static void check_args(const struct rule *rules, size_t n, const struct sock_filter *insns,
                       size_t len)
{
        for (size_t i = 0; i < n; i++) {
                const struct rule *r = &rules[i];
                int nr = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, names[r->name]);
                struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

                for (unsigned turn = 0; turn < 40; turn++) {
                        for (size_t k = 0; k < 3; k++)
                                data.args[k] = noisy_value();
                        for (size_t k = 0; k < r->n_conds; k++) {
                                const struct cond *c = &r->conds[k];
                                uint64_t base =
                                        c->op == 6 ? c->two | (~c->value & noise()) : c->value;

                                if (noise() % 4 != 0)
                                        data.args[c->arg] = base + noise() % 3 - 1;
                        }
                        check(insns, len, &data, expected(rules, n, r->name, data.args));
                }
        }
}

static void check_archs(const struct rule *rules, size_t n, const struct sock_filter *insns,
                        size_t len)
{
        static const struct {
                uint32_t token;
                uint32_t arch;
        } archs[] = { { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64 },
                      { SCMP_ARCH_X86, AUDIT_ARCH_I386 },
                      { SCMP_ARCH_X32, AUDIT_ARCH_X86_64 },
                      { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64 } };

        for (size_t i = 0; i < COUNT(archs) * COUNT(names); i++) {
                size_t name = i / COUNT(archs);
                int nr = seccomp_syscall_resolve_name_arch(archs[i % COUNT(archs)].token,
                                                           names[name]);
                struct seccomp_data data = { .nr = nr, .arch = archs[i % COUNT(archs)].arch };

                if (nr >= 0)
                        check(insns, len, &data, expected(rules, n, name, data.args));
        }
        struct seccomp_data foreign = { .nr = 0, .arch = AUDIT_ARCH_S390X };
        check(insns, len, &foreign, SECCOMP_RET_KILL_THREAD);
}

static void test_filters(void **state)
{
        static struct sock_filter insns[BPF_MAXINSNS];
        struct rule rules[MAX_RULES];

        (void)state;
        for (unsigned turn = 0; turn < 300; turn++) {
                bool has_conds = turn % 3 != 0;
                size_t n = 1 + noise() % (has_conds ? 12 : MAX_RULES);

                for (size_t i = 0; i < n; i++)
                        make_rule(rules, i, has_conds);
                size_t len = build(rules, n, insns);
                if (has_conds)
                        check_args(rules, n, insns, len);
                else
                        check_archs(rules, n, insns, len);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refusals),     cmocka_unit_test(test_refused_rules),
                cmocka_unit_test(test_words),        cmocka_unit_test(test_unknown_names),
                cmocka_unit_test(test_many_notices), cmocka_unit_test(test_filters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
