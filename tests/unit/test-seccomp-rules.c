/*
 * The argument rules of the built-in filters.
 *
 *     test-seccomp-rules GROUPS POLICY-DIR
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test-seccomp-built.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

static void test_clone_flags(void **state)
{
        static const uint32_t namespaces[] = { 0x20000,    0x2000000,  0x4000000,  0x8000000,
                                               0x10000000, 0x20000000, 0x40000000, 0x80 };

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int nr = built_number(b, "clone");

                /* fork, vfork, pthread_create, posix_spawn as glibc, musl and Go make them */
                assert_int_equal(built_ask(b, nr, 0x1200011, 0, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(built_ask(b, nr, 0x4111, 0, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(built_ask(b, nr, 0x3d0f00, 0, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(built_ask(b, nr, 0x7d0f00, 0, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(built_ask(b, nr, 0x50f00, 0, 0), SECCOMP_RET_ALLOW);
                for (size_t i = 0; i < 8 && !b->policy.variant.allow_userns; i++)
                        assert_int_equal(built_ask(b, nr, 0xabc00000000 | namespaces[i] | 17, 0, 0),
                                         REFUSED(EPERM));
        }
}

static bool may_have_socket(uint32_t family, uint32_t type, uint32_t protocol)
{
        static const uint32_t protocols[] = { 0, 1, 6, 17, 58, 262 };

        type &= 0xf;
        if (family == AF_UNIX)
                return true;
        if (family == AF_NETLINK)
                return protocol == 0;
        if (family != AF_INET && family != AF_INET6)
                return false;
        if (type == SOCK_RAW)
                return true;
        for (size_t i = 0; i < 6; i++)
                if (protocol == protocols[i])
                        return type < SOCK_RAW;
        return false;
}

static void test_sockets(void **state)
{
        static const uint64_t upper = 0x100000000;

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int nr = built_number(b, "socket");
                bool is_silent = built_is_silent(b);

                for (uint32_t family = 0; family < 48; family++) {
                        for (uint32_t type = 0; type < 16; type++) {
                                for (uint32_t protocol = 0; protocol < 270; protocol++) {
                                        bool want = !is_silent &&
                                                    may_have_socket(family, type, protocol);
                                        uint32_t low = built_ask(b, nr, family, type, protocol);
                                        uint32_t high = built_ask(b, nr, upper | family,
                                                                  upper | type, upper | protocol);

                                        assert_int_equal(low == SECCOMP_RET_ALLOW, want);
                                        assert_int_equal(low, high);
                                }
                        }
                }
                if (is_silent) {
                        assert_int_equal(built_ask(b, nr, AF_UNIX, 1, 0), REFUSED(EPERM));
                        continue;
                }
                assert_int_equal(built_ask(b, nr, AF_VSOCK, 1, 0), REFUSED(EAFNOSUPPORT));
                assert_int_equal(built_ask(b, nr, AF_ALG, 5, 0), REFUSED(EAFNOSUPPORT));
                assert_int_equal(built_ask(b, nr, AF_NETLINK, 3, 9), REFUSED(EPROTONOSUPPORT));
                /* SOCK_PACKET makes AF_PACKET of AF_INET; SMC hides behind IPPROTO_SMC */
                assert_int_equal(built_ask(b, nr, AF_INET, 0x8000a, 0), REFUSED(EPROTONOSUPPORT));
                assert_int_equal(built_ask(b, nr, AF_INET6, 1, 256), REFUSED(EPROTONOSUPPORT));
        }
}

static void test_socketpairs(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int nr = built_number(b, "socketpair");

                for (uint64_t family = 0; family < 64; family++) {
                        uint32_t want = built_is_silent(b)  ? REFUSED(EPERM)
                                        : family == AF_UNIX ? SECCOMP_RET_ALLOW
                                                            : REFUSED(EAFNOSUPPORT);

                        assert_int_equal(built_ask(b, nr, family, 1, 0), want);
                        assert_int_equal(built_ask(b, nr, family | 1ULL << 32, 1, 0), want);
                }
        }
}

static void test_ioctls(void **state)
{
        static const uint32_t refused[] = { 0x5412, 0x541c, 0x5423, 0x541d, 0x4b46, 0x5606 };
        /* TCGETS, TIOCGWINSZ, TIOCSCTTY, FIONREAD, FIOCLEX, TIOCGPTPEER, V4L2, FICLONE */
        static const uint32_t allowed[] = { 0x5401, 0x5413,     0x540e,     0x541b,
                                            0x5451, 0x80045430, 0x80685600, 0x40049409 };

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int nr = built_number(b, "ioctl");

                for (unsigned bit = 0; bit < 64; bit++) {
                        uint64_t upper = bit < 32 ? 0 : 1ULL << bit;

                        for (size_t i = 0; i < 6; i++)
                                assert_int_equal(built_ask(b, nr, 0, upper | refused[i], 0),
                                                 REFUSED(EPERM));
                        for (size_t i = 0; i < 8; i++)
                                assert_int_equal(built_ask(b, nr, 0, upper | allowed[i], 0),
                                                 SECCOMP_RET_ALLOW);
                }
        }
}

static void test_personality(void **state)
{
        static const uint32_t allowed[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int nr = built_number(b, "personality");
                unsigned n = 0;

                for (size_t i = 0; i < 5; i++)
                        assert_int_equal(built_ask(b, nr, allowed[i], 0, 0), SECCOMP_RET_ALLOW);
                for (uint32_t value = 0; value < 0x40000; value++)
                        n += built_ask(b, nr, value, 0, 0) == SECCOMP_RET_ALLOW;
                assert_int_equal(n, 4);
                for (unsigned bit = 0; bit < 32; bit++)
                        if (bit != 3 && bit != 17)
                                assert_int_equal(built_ask(b, nr, 1u << bit, 0, 0), REFUSED(EPERM));
        }
}

static void test_prctl_and_mknod(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int prctl_nr = built_number(b, "prctl");
                int mknod_nr = built_number(b, "mknod");
                int mknodat_nr = built_number(b, "mknodat");

                for (uint64_t option = 0; option < 200; option++)
                        assert_int_equal(built_ask(b, prctl_nr, option | 1ULL << 40, 0, 0),
                                         option == 35 ? REFUSED(EPERM) : SECCOMP_RET_ALLOW);
                for (uint64_t mode = 0; mode < 0x10000; mode++) {
                        uint64_t kind = mode & 0xf000;
                        bool is_device = kind == 0x2000 || kind == 0x6000;
                        uint32_t want = !is_device                    ? SECCOMP_RET_ALLOW
                                        : b->policy.variant.fake_root ? FAKED
                                                                      : REFUSED(EPERM);

                        assert_int_equal(built_ask(b, mknodat_nr, 0, 0, mode | 0x10000), want);
                        if (mknod_nr >= 0)
                                assert_int_equal(built_ask(b, mknod_nr, 0, mode | 0x10000, 0),
                                                 want);
                }
        }
}

static void test_xtables_with_userns(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                int nr = built_number(b, "setsockopt");
                uint32_t other = built_is_silent(b) ? REFUSED(EPERM) : SECCOMP_RET_ALLOW;
                uint32_t want = b->policy.variant.allow_userns ? REFUSED(EPERM) : other;

                for (uint64_t name = 64; name < 66; name++) {
                        assert_int_equal(built_ask(b, nr, 0, 0, name), want);
                        assert_int_equal(built_ask(b, nr, 0, 41, name), want);
                        assert_int_equal(built_ask(b, nr, 0, 0, name + 32), want);
                        assert_int_equal(built_ask(b, nr, 0, 0, name + 64), want);
                        assert_int_equal(built_ask(b, nr, 0, 1, name), other);
                        assert_int_equal(built_ask(b, nr, 0, 6, name), other);
                }
        }
}

static const char *const faked[] = { "chown",     "lchown",    "fchown",    "fchownat",
                                     "setuid",    "setgid",    "setreuid",  "setregid",
                                     "setresuid", "setresgid", "setgroups", NULL };

static bool is_faked(const struct built *b, int nr)
{
        for (size_t i = 0; faked[i]; i++)
                if (built_number(b, faked[i]) == nr)
                        return true;
        return false;
}

/* The variant for --fake-root and the one that it is made of. */
struct pair {
        const struct built *faking;
        const struct built *plain;
        int mknod_nr;
        int mknodat_nr;
};

static void expect_faked(const struct seccomp_data *data, void *user)
{
        const struct pair *pair = user;

        assert_int_equal(
                vm_run(pair->faking->program->insns, pair->faking->program->len, data).action,
                FAKED);
}

static void expect_the_same_but_for_devices(const struct seccomp_data *data, void *user)
{
        const struct pair *pair = user;
        struct vm_result faking =
                vm_run(pair->faking->program->insns, pair->faking->program->len, data);
        struct vm_result plain =
                vm_run(pair->plain->program->insns, pair->plain->program->len, data);
        bool is_mknod = data->nr == pair->mknodat_nr || data->nr == pair->mknod_nr;

        if (is_mknod && plain.action == REFUSED(EPERM))
                assert_int_equal(faking.action, FAKED);
        else
                assert_int_equal(faking.action, plain.action);
}

static void check_pair(struct pair *pair)
{
        for (int nr = -1; nr <= SWEEP_MAX; nr++) {
                struct seccomp_data data = { .nr = nr, .arch = pair->plain->arch };

                if (nr >= 0 && is_faked(pair->plain, nr))
                        vm_sweep_args(data.arch, nr, expect_faked, pair);
                else if (built_has_rules(pair->plain, nr))
                        vm_sweep_args(data.arch, nr, expect_the_same_but_for_devices, pair);
                else
                        expect_the_same_but_for_devices(&data, pair);
        }
}

/* It answers that list, whatever the arguments are, and devices; in all else it is the other. */
static void test_fake_root_answers_no_more_than_it_says(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_FILTERS; i += N_POLICIES) {
                for (size_t variant = 2; variant < 4; variant++) {
                        const struct built *plain = &built_filters[i + variant];
                        struct pair pair = { .plain = plain,
                                             .faking = plain + 2,
                                             .mknod_nr = built_number(plain, "mknod"),
                                             .mknodat_nr = built_number(plain, "mknodat") };

                        check_pair(&pair);
                }
        }
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clone_flags),
                cmocka_unit_test(test_sockets),
                cmocka_unit_test(test_socketpairs),
                cmocka_unit_test(test_ioctls),
                cmocka_unit_test(test_personality),
                cmocka_unit_test(test_prctl_and_mknod),
                cmocka_unit_test(test_xtables_with_userns),
                cmocka_unit_test(test_fake_root_answers_no_more_than_it_says),
        };

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
