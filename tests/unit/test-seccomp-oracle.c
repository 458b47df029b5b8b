/*
 * Our filters against libseccomp's: the same policy, said to libseccomp in its own words, must get
 * the same answers to every call with every argument of the sweep.
 *
 *     test-seccomp-oracle GROUPS POLICY-DIR
 *
 * libseccomp cannot say "allow, but for these": an unconditional rule swallows the others.  So it
 * makes two filters, one that allows and one that refuses, and the stricter answer counts, as in
 * the kernel.  And it takes numbers as the native ones, so only the native filters are compared.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calls.h"
#include "fd.h"
#include "test-seccomp-built.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOW 0xffffffff

struct oracle {
        struct sock_filter *insns;
        size_t len;
};

static scmp_filter_ctx new_filter(uint32_t fallback)
{
        scmp_filter_ctx ctx = seccomp_init(fallback);

        assert_non_null(ctx);
        assert_int_equal(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
        assert_int_equal(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), 0);
        return ctx;
}

static struct oracle take_program(scmp_filter_ctx ctx)
{
        autofd fd = memfd_create("oracle", MFD_CLOEXEC);
        struct oracle oracle = { .insns = calloc(BPF_MAXINSNS, sizeof(struct sock_filter)) };

        assert_non_null(oracle.insns);
        assert_true(fd >= 0);
        assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
        ssize_t n = pread(fd, oracle.insns, BPF_MAXINSNS * sizeof(struct sock_filter), 0);
        assert_true(n > 0);
        oracle.len = (size_t)n / sizeof(struct sock_filter);
        seccomp_release(ctx);
        return oracle;
}

/* `n` conditions that all must hold; a call that the architecture lacks is passed over. */
static void add(const struct built *b, scmp_filter_ctx ctx, uint32_t action, const char *call,
                unsigned n, const struct scmp_arg_cmp *conds)
{
        int nr = built_number(b, call);

        if (nr >= 0)
                assert_int_equal(seccomp_rule_add_array(ctx, action, nr, n, conds), 0);
}

static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
        return (struct scmp_arg_cmp){ arg, SCMP_CMP_MASKED_EQ, mask, value };
}

static void allow_value(const struct built *b, scmp_filter_ctx ctx, const char *call, unsigned arg,
                        uint64_t mask, uint64_t value)
{
        struct scmp_arg_cmp cond = masked(arg, mask, value);

        add(b, ctx, SCMP_ACT_ALLOW, call, 1, &cond);
}

static void refuse_value(const struct built *b, scmp_filter_ctx ctx, const char *call, unsigned arg,
                         uint64_t mask, uint64_t value)
{
        struct scmp_arg_cmp cond = masked(arg, mask, value);

        add(b, ctx, SCMP_ACT_ERRNO(EPERM), call, 1, &cond);
}

/* A success that does nothing is refused, too: with no error. */
static void refuse_devices(const struct built *b, scmp_filter_ctx ctx, const char *call,
                           unsigned arg)
{
        uint32_t action = SCMP_ACT_ERRNO(b->policy.variant.fake_root ? 0 : EPERM);
        struct scmp_arg_cmp character = masked(arg, 0xf000, 0x2000);
        struct scmp_arg_cmp block = masked(arg, 0xf000, 0x6000);

        add(b, ctx, action, call, 1, &character);
        add(b, ctx, action, call, 1, &block);
}

/* Calls of which only some arguments are allowed. */
static const char *const partly[] = { "socket", "socketpair", "personality", NULL };

static bool is_partly(const struct built *b, int nr)
{
        for (size_t i = 0; partly[i]; i++)
                if (built_number(b, partly[i]) == nr)
                        return true;
        return false;
}

static void allow_sockets(const struct built *b, scmp_filter_ctx ctx)
{
        static const unsigned families[] = { 2, 10 };
        static const unsigned types[] = { 0, 1, 2 };
        static const unsigned protocols[] = { 0, 1, 6, 17, 58, 262 };
        struct scmp_arg_cmp route[] = { masked(0, LOW, 16), masked(2, LOW, 0) };

        allow_value(b, ctx, "socketpair", 0, LOW, 1);
        allow_value(b, ctx, "socket", 0, LOW, 1);
        add(b, ctx, SCMP_ACT_ALLOW, "socket", 2, route);
        for (size_t f = 0; f < 2; f++) {
                struct scmp_arg_cmp raw[] = { masked(0, LOW, families[f]), masked(1, 0xf, 3) };

                add(b, ctx, SCMP_ACT_ALLOW, "socket", 2, raw);
                for (size_t t = 0; t < 3; t++) {
                        for (size_t p = 0; p < 6; p++) {
                                struct scmp_arg_cmp inet[] = {
                                        masked(0, LOW, families[f]),
                                        masked(1, 0xf, types[t]),
                                        masked(2, LOW, protocols[p]),
                                };

                                add(b, ctx, SCMP_ACT_ALLOW, "socket", 3, inet);
                        }
                }
        }
}

static struct oracle make_allowing(const struct built *b)
{
        static const uint32_t personalities[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };
        scmp_filter_ctx ctx = new_filter(SCMP_ACT_ERRNO(ENOSYS));

        for (int nr = 0; nr < CALLS_MAX; nr++) {
                uint32_t action = b->policy.table.actions[nr];

                bool has_rules = is_partly(b, nr) && action == SCMP_ACT_ALLOW;

                if (action != SCMP_ACT_ERRNO(ENOSYS) && !has_rules)
                        assert_int_equal(seccomp_rule_add(ctx, action, nr, 0), 0);
        }
        for (size_t i = 0; i < 5; i++)
                allow_value(b, ctx, "personality", 0, LOW, personalities[i]);
        if (!built_is_silent(b))
                allow_sockets(b, ctx);
        return take_program(ctx);
}

static struct oracle make_refusing(const struct built *b)
{
        static const uint32_t ioctls[] = { 0x5412, 0x541c, 0x5423, 0x541d };
        scmp_filter_ctx ctx = new_filter(SCMP_ACT_ALLOW);

        for (size_t i = 0; i < 4; i++)
                refuse_value(b, ctx, "ioctl", 1, LOW, ioctls[i]);
        refuse_value(b, ctx, "ioctl", 1, 0xffffff00, 0x4b00);
        refuse_value(b, ctx, "ioctl", 1, 0xffffff00, 0x5600);
        refuse_value(b, ctx, "prctl", 0, LOW, 35);
        refuse_devices(b, ctx, "mknod", 1);
        refuse_devices(b, ctx, "mknodat", 2);
        for (uint64_t bit = 1; bit <= 0x80000000 && !b->policy.variant.allow_userns; bit <<= 1)
                if (bit & 0x7e020080)
                        refuse_value(b, ctx, "clone", 0, bit, bit);
        for (uint64_t name = 64; name <= 129 && b->policy.variant.allow_userns; name++) {
                struct scmp_arg_cmp ip[] = { masked(1, LOW, 0), masked(2, LOW, name) };
                struct scmp_arg_cmp ip6[] = { masked(1, LOW, 41), masked(2, LOW, name) };

                if (name > 65 && name != 96 && name != 97 && name < 128)
                        continue;
                add(b, ctx, SCMP_ACT_ERRNO(EPERM), "setsockopt", 2, ip);
                if (name < 66)
                        add(b, ctx, SCMP_ACT_ERRNO(EPERM), "setsockopt", 2, ip6);
        }
        return take_program(ctx);
}

struct comparison {
        const struct built *b;
        struct oracle allowing;
        struct oracle refusing;
};

static void compare(const struct seccomp_data *data, void *user)
{
        const struct comparison *c = user;
        struct vm_result ours = vm_run(c->b->program->insns, c->b->program->len, data);
        struct vm_result allowing = vm_run(c->allowing.insns, c->allowing.len, data);
        struct vm_result refusing = vm_run(c->refusing.insns, c->refusing.len, data);
        uint32_t want = allowing.action != SCMP_ACT_ALLOW ? allowing.action : refusing.action;

        assert_false(ours.is_broken || allowing.is_broken || refusing.is_broken);
        /* libseccomp has one error for all that is not allowed; ours tells them apart */
        if (is_partly(c->b, data->nr)) {
                assert_int_equal(ours.action == SCMP_ACT_ALLOW, want == SCMP_ACT_ALLOW);
                return;
        }
        if (ours.action != want)
                fail_msg("%s on %s, call %d (%llx, %llx, %llx): %s, and libseccomp's %s",
                         c->b->policy.name, c->b->arch_name, data->nr,
                         (unsigned long long)data->args[0], (unsigned long long)data->args[1],
                         (unsigned long long)data->args[2], vm_action_name(ours.action),
                         vm_action_name(want));
}

static void test_same_answers(void **state)
{
        size_t compared = 0;

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                if (b->arch != seccomp_arch_native())
                        continue;
                struct comparison c = { .b = b,
                                        .allowing = make_allowing(b),
                                        .refusing = make_refusing(b) };

                print_message("%s on %s: %zu instructions, libseccomp %zu + %zu\n", b->policy.name,
                              b->arch_name, b->program->len, c.allowing.len, c.refusing.len);
                assert_true(b->program->len < (c.allowing.len + c.refusing.len) / 2);
                for (int nr = -1; nr <= SWEEP_MAX; nr++) {
                        struct seccomp_data data = { .nr = nr, .arch = b->arch };

                        if (built_has_rules(b, nr))
                                vm_sweep_args(b->arch, nr, compare, &c);
                        else
                                compare(&data, &c);
                }
                free(c.allowing.insns);
                free(c.refusing.insns);
                compared++;
        }
        assert_int_equal(compared, N_POLICIES);
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_answers) };

        if (argc != 3) {
                fprintf(stderr, "usage: %s GROUPS POLICY-DIR\n", argv[0]);
                return 2;
        }
        if (built_make_all(argv[1], argv[2]) < 0)
                return 1;
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        built_free_all();
        return failed != 0;
}
