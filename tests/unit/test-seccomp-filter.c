/*
 * The built-in filters, as the kernel would run them: what each system call is answered on each
 * architecture, and what must hold of it whatever the table says.
 *
 *     test-seccomp-filter GROUPS POLICY-DIR GOLDEN              the tests
 *     test-seccomp-filter GROUPS POLICY-DIR --print >GOLDEN     a new golden table
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calls.h"
#include "io.h"
#include "mem.h"
#include "test-seccomp-built.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *golden_path;

/* --- the golden table --- */

struct seen {
        const struct built *b;
        uint32_t actions[8];
        size_t n;
};

static void note_action(const struct seccomp_data *data, void *user)
{
        struct seen *seen = user;
        struct vm_result result = vm_run(seen->b->program->insns, seen->b->program->len, data);

        for (size_t i = 0; i < seen->n; i++)
                if (seen->actions[i] == result.action)
                        return;
        if (seen->n == 8 || result.is_broken)
                abort();
        seen->actions[seen->n++] = result.action;
}

static void print_cell(FILE *out, const struct built *b, int nr)
{
        static const uint32_t order[] = {
                SECCOMP_RET_ALLOW,        SECCOMP_RET_LOG,          FAKED,
                REFUSED(EPERM),           REFUSED(ENOSYS),          REFUSED(EAFNOSUPPORT),
                REFUSED(EPROTONOSUPPORT), SECCOMP_RET_KILL_PROCESS,
        };
        struct seen seen = { .b = b };
        const char *between = " ";

        vm_sweep_args(b->arch, nr, note_action, &seen);
        for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
                for (size_t i = 0; i < seen.n; i++) {
                        if (seen.actions[i] != order[o])
                                continue;
                        fprintf(out, "%s%s", between, vm_action_name(order[o]));
                        between = "|";
                }
        }
}

static void print_table(FILE *out)
{
        struct arena arena = { 0 };

        fputs("# Made by \"test-seccomp-filter GROUPS POLICY-DIR --print\".  For each number: every\n"
              "# answer that some arguments get, from sandbox, sandbox+userns, container,\n"
              "# container+userns, container+fakeroot, container+userns+fakeroot, strict,\n"
              "# strict+userns.  Numbers that are not here get ENOSYS.\n",
              out);
        for (size_t a = 0; a < N_ARCHS; a++) {
                for (int nr = 0; nr <= SWEEP_MAX; nr++) {
                        const struct calls *calls = &built_filters[a * N_POLICIES].groups.calls;

                        /* libseccomp may get to know more names than ours */
                        if (!built_filters[a * N_POLICIES].policy.table.is_named[nr])
                                continue;
                        fprintf(out, "%s %d %s", built_filters[a * N_POLICIES].arch_name, nr,
                                calls_name(calls, nr, &arena));
                        for (size_t p = 0; p < N_POLICIES; p++)
                                print_cell(out, &built_filters[a * N_POLICIES + p], nr);
                        fputc('\n', out);
                }
        }
        arena_done(&arena);
}

static void test_golden(void **state)
{
        autofree char *want = NULL;
        autofree char *have = NULL;
        size_t want_len = 0;
        size_t have_len = 0;
        struct err e = { 0 };

        (void)state;
        if (io_read_file(AT_FDCWD, golden_path, 1024 * 1024, &want, &want_len, &e) < 0)
                fail_msg("%s", e.text);
        FILE *out = open_memstream(&have, &have_len);
        assert_non_null(out);
        print_table(out);
        assert_int_equal(fclose(out), 0);

        char *want_at = want;
        char *have_at = have;
        while (want_at && have_at) {
                char *want_line = strsep(&want_at, "\n");
                char *have_line = strsep(&have_at, "\n");

                assert_string_equal(have_line, want_line);
        }
        assert_true(!want_at && !have_at);
}

/* --- what must hold --- */

static void test_foreign_arch_is_killed(void **state)
{
        static const uint32_t foreign[] = { SCMP_ARCH_X86,     SCMP_ARCH_ARM,  SCMP_ARCH_X86_64,
                                            SCMP_ARCH_AARCH64, SCMP_ARCH_MIPS, 0,
                                            UINT32_MAX };

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
                        for (int nr = 0; nr <= SWEEP_MAX && foreign[i] != b->arch; nr++) {
                                struct seccomp_data data = { .nr = nr, .arch = foreign[i] };
                                struct vm_result result =
                                        vm_run(b->program->insns, b->program->len, &data);

                                assert_int_equal(result.action, SECCOMP_RET_KILL_PROCESS);
                        }
                }
        }
}

/* x32 numbers, numbers of tomorrow, and -1 */
static void test_unknown_numbers_are_enosys(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (int nr = 0; nr <= 2 * CALLS_MAX; nr++)
                        assert_int_equal(built_ask(b, 0x40000000 | nr, 1, 1, 0), REFUSED(ENOSYS));
                for (int nr = 471; nr <= 2 * CALLS_MAX; nr++)
                        assert_int_equal(built_ask(b, nr, 1, 1, 0), REFUSED(ENOSYS));
                assert_int_equal(built_ask(b, -1, 1, 1, 0), REFUSED(ENOSYS));
                assert_int_equal(built_ask(b, INT32_MIN, 1, 1, 0), REFUSED(ENOSYS));
        }
}

struct expected {
        const struct built *b;
        uint32_t action;
};

static void expect_action(const struct seccomp_data *data, void *user)
{
        const struct expected *want = user;
        struct vm_result result = vm_run(want->b->program->insns, want->b->program->len, data);

        if (result.is_broken || result.action != want->action)
                fail_msg("%s, call %d (%llx, %llx, %llx): %s, not %s", want->b->arch_name, data->nr,
                         (unsigned long long)data->args[0], (unsigned long long)data->args[1],
                         (unsigned long long)data->args[2], vm_action_name(result.action),
                         vm_action_name(want->action));
}

/* A refused call is refused, and a call without rules allowed, whatever the arguments. */
static void test_constant_calls(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (int nr = 0; nr <= SWEEP_MAX; nr++) {
                        struct expected want = { .b = b, .action = b->policy.table.actions[nr] };

                        if (want.action != SECCOMP_RET_ALLOW || !built_has_rules(b, nr))
                                vm_sweep_args(b->arch, nr, expect_action, &want);
                }
        }
}

static void expect_same_with_upper_bits(const struct seccomp_data *data, void *user)
{
        const struct built *b = user;
        struct seccomp_data low = *data;

        for (size_t i = 0; i < 6; i++)
                low.args[i] &= 0xffffffff;
        struct expected want = { .b = b,
                                 .action =
                                         vm_run(b->program->insns, b->program->len, &low).action };
        expect_action(data, &want);
}

static void test_upper_bits_never_count(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (int nr = 0; nr <= SWEEP_MAX; nr++)
                        if (built_has_rules(b, nr))
                                vm_sweep_args(b->arch, nr, expect_same_with_upper_bits, b);
        }
}

/* What the kernel can remember, it must be able to: no look at arguments that do not matter. */
static void test_allowed_calls_are_cacheable(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (int nr = 0; nr <= SWEEP_MAX; nr++) {
                        bool is_constant = b->policy.table.actions[nr] == SECCOMP_RET_ALLOW &&
                                           !built_has_rules(b, nr);

                        assert_int_equal(vm_is_always_allowed(b->program->insns, b->program->len,
                                                              b->arch, nr),
                                         is_constant);
                }
        }
}

/* A call that libseccomp can name is on one side or the other on purpose. */
static void test_every_known_call_is_judged(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (int nr = 0; nr < CALLS_MAX; nr++) {
                        autofree char *name = seccomp_syscall_resolve_num_arch(b->arch, nr);

                        if (name && !b->policy.table.is_named[nr])
                                fail_msg("%s on %s: nothing is said of '%s'", b->policy.name,
                                         b->arch_name, name);
                }
        }
}

static bool is_in_a_group(const struct groups *g, int nr)
{
        for (size_t i = 0; i < g->n_groups; i++)
                for (size_t j = 0; j < g->groups[i].n_members; j++)
                        if (g->groups[i].members[j] == nr)
                                return true;
        return false;
}

/* A word of a policy can speak of every call: none is without a group. */
static void test_every_known_call_has_a_group(void **state)
{
        size_t n = 0;

        (void)state;
        for (size_t a = 0; a < N_ARCHS; a++) {
                const struct built *b = &built_filters[a * N_POLICIES];

                for (int nr = 0; nr < CALLS_MAX; nr++) {
                        autofree char *name = seccomp_syscall_resolve_num_arch(b->arch, nr);

                        if (name && !is_in_a_group(&b->groups, nr))
                                fail_msg("%s: '%s' is in no group", b->arch_name, name);
                        n += name != NULL;
                }
                assert_false(is_in_a_group(&b->groups, CALLS_MAX - 1));
        }
        assert_true(n > 600);
}

static void test_filters_are_small(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                assert_in_range(b->program->len, 50, 220);
                for (int nr = 0; nr <= SWEEP_MAX; nr++) {
                        struct seccomp_data data = { .nr = nr, .arch = b->arch };
                        struct vm_result result = vm_run(b->program->insns, b->program->len, &data);

                        assert_in_range(result.steps, 4, 30);
                }
        }
}

static void expect_all_refused(const struct built *b, const char *const *names, int code)
{
        for (size_t i = 0; names[i]; i++) {
                int nr = built_number(b, names[i]);

                if (nr >= 0 && b->policy.table.actions[nr] != REFUSED(code))
                        fail_msg("%s on %s: '%s' is not refused with %d", b->policy.name,
                                 b->arch_name, names[i], code);
        }
}

static const char *const never[] = {
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "kcmp",
        "pidfd_getfd",
        "process_madvise",
        "open_by_handle_at",
        "init_module",
        "finit_module",
        "delete_module",
        "reboot",
        "kexec_load",
        "kexec_file_load",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "vmsplice",
        "iopl",
        "ioperm",
        "settimeofday",
        "clock_settime",
        "clock_adjtime",
        "adjtimex",
        "swapon",
        "swapoff",
        "acct",
        "syslog",
        "vhangup",
        "quotactl",
        "quotactl_fd",
        "fanotify_init",
        "fanotify_mark",
        "modify_ldt",
        NULL,
};
static const char *const absent[] = {
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "add_key",
        "request_key",
        "keyctl",
        "fsopen",
        "fsconfig",
        "fsmount",
        "fspick",
        "statmount",
        "listmount",
        "mbind",
        "move_pages",
        "migrate_pages",
        "listns",
        "file_setattr",
        "uselib",
        "_sysctl",
        NULL,
};
static const char *const nesting[] = { "mount", "umount2",     "pivot_root", "unshare",
                                       "setns", "sethostname", NULL };
static const char *const nesting_absent[] = { "clone3",        "open_tree",      "move_mount",
                                              "mount_setattr", "open_tree_attr", NULL };

static void test_refused_by_name(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                expect_all_refused(b, never, EPERM);
                expect_all_refused(b, absent, ENOSYS);
                if (b->policy.variant.allow_userns)
                        continue;
                expect_all_refused(b, nesting, EPERM);
                expect_all_refused(b, nesting_absent, ENOSYS);
        }
}

/* What plain programs do without: they speak to nobody and confine nothing further. */
static const char *const not_strict[] = { "seccomp",  "landlock_create_ruleset",
                                          "socket",   "socketpair",
                                          "connect",  "sendmsg",
                                          "shmget",   "semtimedop",
                                          "msgsnd",   "mq_open",
                                          "io_setup", NULL };

static void test_strict_is_silent(void **state)
{
        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                if (built_is_silent(b)) {
                        expect_all_refused(b, not_strict, EPERM);
                        continue;
                }
                for (size_t i = 0; not_strict[i]; i++)
                        assert_int_equal(b->policy.table.actions[built_number(b, not_strict[i])],
                                         SECCOMP_RET_ALLOW);
        }
}

static void test_allowed_by_name(void **state)
{
        static const char *const needed[] = {
                "membarrier",        "rseq",         "futex",
                "futex_waitv",       "futex_wake",   "memfd_create",
                "inotify_init1",     "epoll_pwait2", "eventfd2",
                "timerfd_create",    "signalfd4",    "pidfd_open",
                "pidfd_send_signal", "statx",        "openat2",
                "faccessat2",        "close_range",  "copy_file_range",
                "fchmodat2",         "cachestat",    "map_shadow_stack",
                "getrandom",         "mlock2",       "sysinfo",
                "execveat",          "mseal",        "setxattrat",
                "sched_setaffinity", NULL,
        };

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                for (size_t i = 0; needed[i]; i++)
                        assert_int_equal(b->policy.table.actions[built_number(b, needed[i])],
                                         SECCOMP_RET_ALLOW);
                bool may_chroot =
                        b->policy.table.actions[built_number(b, "chroot")] == SECCOMP_RET_ALLOW;
                bool is_plain = strcmp(b->policy.name, "sandbox") == 0 ||
                                strcmp(b->policy.name, "strict") == 0;
                assert_int_equal(may_chroot, !is_plain);
                assert_int_equal(b->policy.table.actions[built_number(b, "setresuid")],
                                 b->policy.variant.fake_root ? FAKED : SECCOMP_RET_ALLOW);
        }
}

static void test_allow_userns_opens_nesting(void **state)
{
        static const char *const names[] = { "unshare",    "setns",         "mount",  "umount2",
                                             "pivot_root", "chroot",        "clone3", "open_tree",
                                             "move_mount", "mount_setattr", NULL };

        (void)state;
        for (struct built *b = built_filters; b < built_filters + N_FILTERS; b++) {
                uint32_t want = b->policy.variant.allow_userns ? SECCOMP_RET_ALLOW : REFUSED(EPERM);

                for (size_t i = 0; names[i] && b->policy.variant.allow_userns; i++)
                        assert_int_equal(built_ask(b, built_number(b, names[i]), 0x10000000, 0, 0),
                                         want);
                assert_int_equal(built_ask(b, built_number(b, "clone"), 0x10000011, 0, 0), want);
        }
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_foreign_arch_is_killed),
                cmocka_unit_test(test_unknown_numbers_are_enosys),
                cmocka_unit_test(test_constant_calls),
                cmocka_unit_test(test_upper_bits_never_count),
                cmocka_unit_test(test_allowed_calls_are_cacheable),
                cmocka_unit_test(test_every_known_call_is_judged),
                cmocka_unit_test(test_every_known_call_has_a_group),
                cmocka_unit_test(test_filters_are_small),
                cmocka_unit_test(test_refused_by_name),
                cmocka_unit_test(test_allowed_by_name),
                cmocka_unit_test(test_strict_is_silent),
                cmocka_unit_test(test_allow_userns_opens_nesting),
        };
        int failed = 1;

        if (argc != 4) {
                fprintf(stderr, "usage: %s GROUPS POLICY-DIR GOLDEN|--print\n", argv[0]);
                return 2;
        }
        golden_path = argv[3];
        if (built_make_all(argv[1], argv[2]) < 0)
                return 1;
        if (strcmp(argv[3], "--print") == 0) {
                print_table(stdout);
                failed = fflush(stdout) != 0;
        } else {
                failed = cmocka_run_group_tests(tests, NULL, NULL);
        }
        built_free_all();
        return failed != 0;
}
