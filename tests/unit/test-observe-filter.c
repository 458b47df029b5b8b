#include "observe-calls.h"
#include "observe-filter.h"
#include "seccomp-filters.h"

#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

#define MAX_NR  600
#define N_TRIES 12

static const char *const names[] = {
        "sandbox",          "sandbox+userns",     "container",
        "container+userns", "container+fakeroot", "container+userns+fakeroot",
};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

static struct sock_fprog get_policy(const char *name)
{
        const struct seccomp_filter *filter = seccomp_filter_find(name);

        assert_non_null(filter);
        return (struct sock_fprog){ .len = filter->len,
                                    .filter = (struct sock_filter *)filter->insns };
}

static struct observe_filter *make(const struct sock_fprog *policy, enum plan_network mode,
                                   bool all_calls)
{
        struct observe_filter *made = calloc(1, sizeof(*made));
        struct err e = { 0 };

        assert_non_null(made);
        if (observe_filter_make(policy, mode, all_calls, made, &e) < 0)
                fail_msg("%s", e.text);
        return made;
}

static struct sock_fprog program_of(const struct observe_filter *made)
{
        return (struct sock_fprog){ .len = made->len, .filter = (struct sock_filter *)made->insns };
}

/* xorshift64: the same numbers in every run. */
static uint64_t next_random(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* Values that filters compare with, more often than any number at all. */
static uint64_t next_argument(uint64_t *state)
{
        static const uint64_t values[] = {
                0,          1,          2,          3,      10,         15,         16,
                17,         22,         38,         40,     0x5412,     0x541c,     0x4000,
                0x80002,    0x10000000, 0x20000000, 0x11,   0x3d0f00,   0x7e020000, 0xffffffff,
                0x40045612, 0x21b6,     0x61b6,     0x8000, 0x10000011, 0x20008,    UINT64_MAX,
        };
        uint64_t pick = next_random(state);
        uint64_t upper = (next_random(state) & 7) == 0 ? next_random(state) << 32 : 0;

        if ((pick & 3) == 0)
                return next_random(state);
        return values[(pick >> 8) % (sizeof(values) / sizeof(values[0]))] | upper;
}

/* --- beside the kernel ---------------------------------------------------------------------- */

/*
 * The program with every answer made one that runs nothing: ERRNO with a number of its own.  The
 * kernel's verdict on any call, also on exit, is then what the call returns.
 */
enum verdict {
        VERDICT_ALLOW = 3001,
        VERDICT_LOG,
        VERDICT_KILL,
        VERDICT_NOTIFY,
        VERDICT_FAKE,
        VERDICT_OTHER,
};

static int verdict_of(uint32_t action)
{
        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return VERDICT_ALLOW;
        case SECCOMP_RET_LOG:
                return VERDICT_LOG;
        case SECCOMP_RET_KILL_PROCESS:
        case SECCOMP_RET_KILL_THREAD:
                return VERDICT_KILL;
        case SECCOMP_RET_USER_NOTIF:
                return VERDICT_NOTIFY;
        case SECCOMP_RET_ERRNO:
                return action & SECCOMP_RET_DATA ? (int)(action & SECCOMP_RET_DATA)
                                                 : (int)VERDICT_FAKE;
        default:
                return VERDICT_OTHER;
        }
}

struct answers {
        int of[MAX_NR][N_TRIES];
};

static void draw(uint64_t *state, uint64_t args[6])
{
        for (size_t i = 0; i < 6; i++)
                args[i] = next_argument(state);
}

/*
 * The kernel's own, by which it traces a process: Linux 6.14 lets them past every filter, as a
 * process does not make them by itself.
 */
static bool is_past_filters(int nr)
{
#ifdef __x86_64__
        return nr == 335 || nr == 336;
#else
        (void)nr;
        return false;
#endif
}

/* In a child whose every call is an answer; so it ends by a fault. */
static void ask_kernel(const struct sock_fprog *program, struct answers *ret)
{
        struct sock_filter *insns = calloc(program->len, sizeof(*insns));
        struct sock_fprog telling = { .len = program->len, .filter = insns };
        uint64_t state = 4711;
        uint64_t args[6];

        if (!insns)
                _exit(1);
        for (size_t i = 0; i < program->len; i++) {
                insns[i] = program->filter[i];
                if (insns[i].code == (BPF_RET | BPF_K))
                        insns[i].k = SECCOMP_RET_ERRNO | (uint32_t)verdict_of(insns[i].k);
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &telling) < 0)
                _exit(1);
        for (int nr = 0; nr < MAX_NR; nr++) {
                for (size_t i = 0; i < N_TRIES; i++) {
                        draw(&state, args);
                        if (is_past_filters(nr))
                                continue;
                        long r = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
                        ret->of[nr][i] = r < 0 ? errno : 0;
                }
        }
        __builtin_trap();
}

static void compare_with_kernel(const struct sock_fprog *program)
{
        struct answers *answers = mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE,
                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t state = 4711;
        int status;

        assert_true(answers != MAP_FAILED);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                signal(SIGILL, SIG_DFL);
                signal(SIGTRAP, SIG_DFL);
                ask_kernel(program, answers);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_true(WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
        for (int nr = 0; nr < MAX_NR; nr++) {
                for (size_t i = 0; i < N_TRIES; i++) {
                        struct seccomp_data data = { .nr = nr, .arch = NATIVE_ARCH };
                        uint64_t args[6];

                        draw(&state, args);
                        if (is_past_filters(nr))
                                continue;
                        for (size_t j = 0; j < 6; j++)
                                data.args[j] = args[j];
                        int ours = verdict_of(observe_filter_run(program, &data));
                        if (ours != answers->of[nr][i])
                                fail_msg("call %d: the kernel says %d, and we %d", nr,
                                         answers->of[nr][i], ours);
                }
        }
        munmap(answers, sizeof(*answers));
}

static void judges_as_the_kernel(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_NAMES; i++) {
                const struct sock_fprog policy = get_policy(names[i]);

                compare_with_kernel(&policy);
        }
}

static void made_ones_are_judged_as_by_the_kernel(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_NAMES; i++) {
                const struct sock_fprog policy = get_policy(names[i]);
                struct observe_filter *made = make(&policy, PLAN_NETWORK_NONE, false);
                const struct sock_fprog program = program_of(made);

                compare_with_kernel(&program);
                free(made);
        }
}

/* --- what is made --------------------------------------------------------------------------- */

static bool is_refusal(uint32_t action)
{
        return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
               (action & SECCOMP_RET_DATA) != 0;
}

static void check_call(uint32_t of_policy, uint32_t made, const struct seccomp_data *data,
                       bool may_ask)
{
        /* the refusals that nobody is asked about */
        if ((data->nr == __NR_clone3 || data->nr == -1) && data->arch == NATIVE_ARCH &&
            of_policy == (SECCOMP_RET_ERRNO | ENOSYS)) {
                assert_int_equal(made, of_policy);
                return;
        }
        if (is_refusal(of_policy))
                assert_int_equal(made, SECCOMP_RET_USER_NOTIF);
        else if (made != of_policy)
                assert_true(of_policy == SECCOMP_RET_ALLOW && made == SECCOMP_RET_USER_NOTIF &&
                            may_ask);
}

static void nothing_passes_that_did_not(void **state)
{
        uint64_t random = 42;

        (void)state;
        for (size_t i = 0; i < N_NAMES * 4; i++) {
                const struct sock_fprog policy = get_policy(names[i / 4]);
                enum plan_network mode = (enum plan_network)(i % 4);
                struct observe_filter *made = make(&policy, mode, false);
                const struct sock_fprog program = program_of(made);

                for (int nr = -1; nr < MAX_NR; nr++) {
                        for (size_t j = 0; j < 50; j++) {
                                struct seccomp_data data = { .nr = nr, .arch = NATIVE_ARCH };
                                uint64_t args[6];

                                draw(&random, args);
                                for (size_t k = 0; k < 6; k++)
                                        data.args[k] = args[k];
                                if (j == 0)
                                        data.arch = AUDIT_ARCH_I386;
                                check_call(observe_filter_run(&policy, &data),
                                           observe_filter_run(&program, &data), &data,
                                           data.arch == NATIVE_ARCH && observe_call_find(nr));
                        }
                }
                free(made);
        }
}

static uint32_t run_one(const struct sock_fprog *program, int nr, const uint64_t args[6])
{
        struct seccomp_data data = { .nr = nr, .arch = NATIVE_ARCH };

        for (size_t i = 0; i < 6; i++)
                data.args[i] = args[i];
        return observe_filter_run(program, &data);
}

static void calls_with_paths_are_asked_about(void **state)
{
        const struct sock_fprog policy = get_policy("sandbox");
        struct observe_filter *made = make(&policy, PLAN_NETWORK_NONE, false);
        const struct sock_fprog program = program_of(made);
        static const uint64_t args[6] = { 0 };
        static const int asked[] = { __NR_openat, __NR_execve, __NR_unlinkat, __NR_connect };
        static const uint64_t of_fd[6] = { 3, 0x1000, 0x2000, 0x1000, 0, 0 };
        static const int others[] = { __NR_read,  __NR_write,   __NR_close,
                                      __NR_fstat, __NR_sendmsg, __NR_exit_group };

        (void)state;
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
                assert_int_equal(run_one(&program, asked[i], args), SECCOMP_RET_USER_NOTIF);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_int_equal(run_one(&program, others[i], args), SECCOMP_RET_ALLOW);
        assert_int_equal(run_one(&program, __NR_newfstatat, args), SECCOMP_RET_USER_NOTIF);
        assert_int_equal(run_one(&program, __NR_newfstatat, of_fd), SECCOMP_RET_ALLOW);
        free(made);
}

static void a_stream_of_bytes_is_not_asked_about(void **state)
{
        const struct sock_fprog policy = get_policy("sandbox");
        struct observe_filter *none = make(&policy, PLAN_NETWORK_NONE, false);
        struct observe_filter *user = make(&policy, PLAN_NETWORK_USER, false);
        const struct sock_fprog in_none = program_of(none);
        const struct sock_fprog in_user = program_of(user);
        static const uint64_t stream[6] = { 3, 0x1000, 512, 0, 0, 0 };
        static const uint64_t quiet[6] = { 3, 0x1000, 513, 0x4000, 0, 0 };
        static const uint64_t question[6] = { 3, 0x1000, 40, 0x4000, 0, 0 };
        static const uint64_t low[6] = { 3, 0x1000, 9000, 0, 0x1000, 16 };
        static const uint64_t high[6] = { 3, 0x1000, 9000, 0, UINT64_C(1) << 32, 16 };

        (void)state;
        assert_int_equal(run_one(&in_none, __NR_sendto, stream), SECCOMP_RET_ALLOW);
        assert_int_equal(run_one(&in_none, __NR_sendto, quiet), SECCOMP_RET_ALLOW);
        assert_int_equal(run_one(&in_none, __NR_sendto, question), SECCOMP_RET_USER_NOTIF);
        assert_int_equal(run_one(&in_none, __NR_sendto, low), SECCOMP_RET_USER_NOTIF);
        assert_int_equal(run_one(&in_none, __NR_sendto, high), SECCOMP_RET_USER_NOTIF);
        assert_int_equal(run_one(&in_user, __NR_sendto, low), SECCOMP_RET_ALLOW);
        free(none);
        free(user);
}

static void all_calls_but_the_hot_ones(void **state)
{
        const struct sock_fprog policy = get_policy("sandbox");
        struct observe_filter *made = make(&policy, PLAN_NETWORK_NONE, true);
        const struct sock_fprog program = program_of(made);
        static const uint64_t args[6] = { 0 };

        (void)state;
        assert_int_equal(run_one(&program, __NR_read, args), SECCOMP_RET_ALLOW);
        assert_int_equal(run_one(&program, __NR_sendmsg, args), SECCOMP_RET_ALLOW);
        assert_int_equal(run_one(&program, __NR_uname, args), SECCOMP_RET_USER_NOTIF);
        assert_int_equal(run_one(&program, __NR_openat, args), SECCOMP_RET_USER_NOTIF);
        assert_int_equal(run_one(&program, __NR_ptrace, args), SECCOMP_RET_USER_NOTIF);
        free(made);
}

/* KILL, LOG and a faked success of an observed call are what they were. */
static void other_answers_stay(void **state)
{
        struct sock_filter insns[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_openat, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execve, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fchownat, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog policy = { .len = sizeof(insns) / sizeof(insns[0]),
                                           .filter = insns };
        struct observe_filter *made = make(&policy, PLAN_NETWORK_NONE, false);
        const struct sock_fprog program = program_of(made);
        static const uint64_t args[6] = { 0 };

        (void)state;
        assert_int_equal(run_one(&program, __NR_openat, args), SECCOMP_RET_KILL_PROCESS);
        assert_int_equal(run_one(&program, __NR_execve, args), SECCOMP_RET_LOG);
        assert_int_equal(run_one(&program, __NR_fchownat, args), SECCOMP_RET_ERRNO);
        assert_int_equal(run_one(&program, __NR_connect, args), SECCOMP_RET_USER_NOTIF);
        free(made);
}

static int make_of(struct sock_filter *insns, size_t len, struct err *e)
{
        const struct sock_fprog policy = { .len = (unsigned short)len, .filter = insns };
        struct observe_filter *made = calloc(1, sizeof(*made));

        assert_non_null(made);
        int code = observe_filter_make(&policy, PLAN_NETWORK_NONE, false, made, e);
        free(made);
        return code;
}

static void what_cannot_be_observed_is_refused(void **state)
{
        struct sock_filter unknown[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_IMM, 1),
                BPF_STMT(BPF_RET | BPF_A, 0),
        };
        /* the listener itself goes by it, when nobody listens yet */
        struct sock_filter no_sendmsg[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sendmsg, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_filter some_sendmsg[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sendmsg, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_filter beyond[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UINT32_MAX - 3),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_filter *too_long = calloc(BPF_MAXINSNS / 2, sizeof(*too_long));
        struct err e = { 0 };

        (void)state;
        assert_int_equal(make_of(unknown, 2, &e), -EINVAL);
        assert_int_equal(make_of(beyond, 2, &e), -EINVAL);
        assert_int_equal(make_of(no_sendmsg, 4, &e), -EINVAL);
        assert_non_null(strstr(e.text, "sendmsg"));
        assert_int_equal(make_of(some_sendmsg, 6, &e), -EINVAL);
        assert_non_null(too_long);
        for (size_t i = 0; i < BPF_MAXINSNS / 2; i++)
                too_long[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        assert_int_equal(make_of(too_long, BPF_MAXINSNS / 2, &e), -E2BIG);
        assert_non_null(err_get_hint(&e));
        free(too_long);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(judges_as_the_kernel),
                cmocka_unit_test(made_ones_are_judged_as_by_the_kernel),
                cmocka_unit_test(nothing_passes_that_did_not),
                cmocka_unit_test(calls_with_paths_are_asked_about),
                cmocka_unit_test(a_stream_of_bytes_is_not_asked_about),
                cmocka_unit_test(all_calls_but_the_hot_ones),
                cmocka_unit_test(other_answers_stay),
                cmocka_unit_test(what_cannot_be_observed_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
