#include "observe-filter.h"

#include "filter-code.h"
#include "observe-calls.h"
#include "observe-net.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#define AT_NR       offsetof(struct seccomp_data, nr)
#define AT_ARCH     offsetof(struct seccomp_data, arch)
#define AT_IP       offsetof(struct seccomp_data, instruction_pointer)
#define AT_ARG(n)   ((uint32_t)(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t)))
#define LOAD(where) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, where)

/* What the C library sends a question to a DNS server with. */
#define MSG_OF_RESOLVER 0x4000u

/* With all calls observed: what would take most of the time, and says nothing about a program. */
static const int hot_calls[] = {
        __NR_read,          __NR_write,           __NR_readv,
        __NR_writev,        __NR_pread64,         __NR_pwrite64,
        __NR_close,         __NR_lseek,           __NR_fstat,
        __NR_newfstatat,    __NR_statx,           __NR_mmap,
        __NR_munmap,        __NR_mprotect,        __NR_brk,
        __NR_futex,         __NR_rt_sigaction,    __NR_rt_sigprocmask,
        __NR_ppoll,         __NR_epoll_pwait,     __NR_rt_sigreturn,
        __NR_clock_gettime, __NR_getpid,          __NR_gettid,
        __NR_sched_yield,   __NR_fcntl,           __NR_recvmsg,
        __NR_sendmsg,       __NR_restart_syscall, __NR_exit_group,
        __NR_exit,          __NR_madvise,
#ifdef __NR_stat
        __NR_stat,          __NR_lstat,           __NR_poll,
        __NR_epoll_wait,    __NR_access,          __NR_select,
#endif
};

/* --- running one ---------------------------------------------------------------------------- */

static bool is_known(const struct sock_filter *insn)
{
        switch (insn->code) {
        case BPF_LD | BPF_W | BPF_ABS:
                return insn->k % 4 == 0 && insn->k < sizeof(struct seccomp_data);
        case BPF_ALU | BPF_AND | BPF_K:
        case BPF_RET | BPF_K:
        case BPF_JMP | BPF_JA:
        case BPF_JMP | BPF_JEQ | BPF_K:
        case BPF_JMP | BPF_JGT | BPF_K:
        case BPF_JMP | BPF_JGE | BPF_K:
        case BPF_JMP | BPF_JSET | BPF_K:
                return true;
        default:
                return false;
        }
}

static bool holds(const struct sock_filter *insn, uint32_t a)
{
        switch (BPF_OP(insn->code)) {
        case BPF_JEQ:
                return a == insn->k;
        case BPF_JGT:
                return a > insn->k;
        case BPF_JGE:
                return a >= insn->k;
        default:
                return (a & insn->k) != 0;
        }
}

/* Jumps lead forward alone, so it ends. */
static uint32_t run(const struct sock_fprog *program, const struct seccomp_data *data,
                    bool *ret_looked_at_args)
{
        uint32_t a = 0;

        *ret_looked_at_args = false;

        for (size_t at = 0; at < program->len; at++) {
                const struct sock_filter *insn = &program->filter[at];

                switch (BPF_CLASS(insn->code)) {
                case BPF_RET:
                        return insn->k;
                case BPF_LD:
                        memcpy(&a, (const char *)data + insn->k, sizeof(a));
                        *ret_looked_at_args |= insn->k >= AT_IP;
                        break;
                case BPF_ALU:
                        a &= insn->k;
                        break;
                default:
                        if (BPF_OP(insn->code) == BPF_JA)
                                at += insn->k;
                        else
                                at += holds(insn, a) ? insn->jt : insn->jf;
                }
        }
        return SECCOMP_RET_KILL_PROCESS;
}

uint32_t observe_filter_run(const struct sock_fprog *program, const struct seccomp_data *data)
{
        bool unused;

        return run(program, data, &unused);
}

/* --- making one ----------------------------------------------------------------------------- */

struct maker {
        struct observe_filter *out;
        bool is_full;
};

static void put(struct maker *m, struct sock_filter insn)
{
        if (m->out->len == BPF_MAXINSNS)
                m->is_full = true;
        else
                m->out->insns[m->out->len++] = insn;
}

/* A jump whose distance is not known yet. */
static size_t put_jump(struct maker *m)
{
        put(m, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
        return m->out->len - 1u;
}

static void land(struct maker *m, size_t jump)
{
        m->out->insns[jump].k = (uint32_t)(m->out->len - jump - 1);
}

static uint32_t turn(uint32_t action, bool is_observed)
{
        uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

        if (kind == SECCOMP_RET_ERRNO && (action & SECCOMP_RET_DATA) != 0)
                return SECCOMP_RET_USER_NOTIF;
        if (kind == SECCOMP_RET_ALLOW && is_observed)
                return SECCOMP_RET_USER_NOTIF;
        return action;
}

static void put_copy(struct maker *m, const struct sock_fprog *policy, bool is_observed)
{
        for (size_t i = 0; i < policy->len; i++) {
                struct sock_filter insn = policy->filter[i];

                if (insn.code == (BPF_RET | BPF_K))
                        insn.k = turn(insn.k, is_observed);
                put(m, insn);
        }
}

/*
 * Refusals that nobody is told of, and nobody waits for.  Every thread is made by clone3 first, which
 * a filter cannot look into, and by clone when the answer is ENOSYS.  -1 is no call at all: how a
 * tracer takes one back, also before there is somebody to ask.
 */
static void put_unasked(struct maker *m, const struct sock_fprog *policy, int nr)
{
        const struct seccomp_data data = { .nr = nr, .arch = FILTER_ARCH };
        bool looked_at_args;
        uint32_t action = run(policy, &data, &looked_at_args);

        if (looked_at_args || action != (SECCOMP_RET_ERRNO | ENOSYS))
                return;
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1));
        put(m, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Numbers that lead to the observed copy: with a jump of its own for each, whose place is kept. */
struct jumps {
        size_t at[256];
        size_t n;
};

static void put_number(struct maker *m, int nr, struct jumps *jumps)
{
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1));
        jumps->at[jumps->n++] = put_jump(m);
}

/*
 * sendto: with an address, or what may be a question for a name.  The stream of bytes of a
 * connection has neither, and goes on unasked.
 */
static void put_sendto(struct maker *m, struct jumps *observed, struct jumps *others)
{
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sendto, 0, 12));
        put(m, (struct sock_filter)LOAD(AT_ARG(4)));
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
        observed->at[observed->n++] = put_jump(m);
        put(m, (struct sock_filter)LOAD(AT_ARG(4) + 4));
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
        observed->at[observed->n++] = put_jump(m);
        put(m, (struct sock_filter)LOAD(AT_ARG(2)));
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, OBSERVE_MAX_QUESTION, 2, 0));
        put(m, (struct sock_filter)LOAD(AT_ARG(3)));
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MSG_OF_RESOLVER, 1, 0));
        others->at[others->n++] = put_jump(m);
}

/* The listener goes to the observer by sendmsg: nobody could answer if that were asked about. */
static int check_sendmsg(const struct sock_fprog *policy, struct err *e)
{
        const struct seccomp_data data = { .nr = __NR_sendmsg, .arch = FILTER_ARCH };
        bool looked_at_args;
        uint32_t action = run(policy, &data, &looked_at_args);

        if (!looked_at_args && (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG))
                return 0;
        err_set(e, EINVAL, "the policy refuses sendmsg, without which nobody can observe a run");
        return err_hint(e, "leave --explain out, or allow sendmsg in [syscalls]");
}

/* Of a descriptor, not of a name: glibc's fstat() comes this way, as often as read. */
static void put_look(struct maker *m, const struct observe_call *call, struct jumps *observed,
                     struct jumps *others)
{
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->nr, 0, 4));
        put(m, (struct sock_filter)LOAD(AT_ARG((unsigned)call->flags)));
        put(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, AT_EMPTY_PATH, 1, 0));
        observed->at[observed->n++] = put_jump(m);
        others->at[others->n++] = put_jump(m);
}

static int check(const struct sock_fprog *policy, struct err *e)
{
        for (size_t i = 0; i < policy->len; i++) {
                if (!is_known(&policy->filter[i]))
                        return err_set(e, EINVAL,
                                       "the seccomp filter has an instruction (%#x) that cannot be "
                                       "observed",
                                       policy->filter[i].code);
        }
        return check_sendmsg(policy, e);
}

static void put_observed(struct maker *m, enum plan_network mode, struct jumps *observed,
                         struct jumps *others)
{
        for (size_t i = 0; i < observe_n_calls; i++) {
                const struct observe_call *call = &observe_calls[i];

                if (call->act == OBSERVE_ACT_LOOK_FLAGS)
                        put_look(m, call, observed, others);
                else if (call->act != OBSERVE_ACT_SEND && observe_call_is_asked(call, mode))
                        put_number(m, call->nr, observed);
        }
        for (size_t i = 0; i < observe_n_calls; i++) {
                const struct observe_call *call = &observe_calls[i];

                if (call->act != OBSERVE_ACT_SEND || !observe_call_is_asked(call, mode))
                        continue;
                put_sendto(m, observed, others);
                /* a question by its size and flags falls out of the rows above */
                observed->at[observed->n++] = put_jump(m);
        }
}

int observe_filter_make(const struct sock_fprog *policy, enum plan_network mode, bool all_calls,
                        struct observe_filter *ret, struct err *e)
{
        struct maker m = { .out = ret };
        struct jumps observed = { .n = 0 };
        struct jumps others = { .n = 0 };

        if (check(policy, e) < 0)
                return -e->code;
        ret->len = 0;
        put(&m, (struct sock_filter)LOAD(AT_ARCH));
        put(&m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0));
        others.at[others.n++] = put_jump(&m);
        put(&m, (struct sock_filter)LOAD(AT_NR));
        put_unasked(&m, policy, __NR_clone3);
        put_unasked(&m, policy, -1);
        for (size_t i = 0; all_calls && i < sizeof(hot_calls) / sizeof(hot_calls[0]); i++)
                put_number(&m, hot_calls[i], &others);
        if (all_calls)
                observed.at[observed.n++] = put_jump(&m);
        else
                put_observed(&m, mode, &observed, &others);
        for (size_t i = 0; i < others.n; i++)
                land(&m, others.at[i]);
        put_copy(&m, policy, false);
        for (size_t i = 0; i < observed.n; i++)
                land(&m, observed.at[i]);
        put_copy(&m, policy, true);
        if (!m.is_full)
                return 0;
        err_set(e, E2BIG, "the seccomp filter of %u instructions is too long to be observed",
                policy->len);
        return err_hint(e, "leave --explain out, or name fewer calls in [syscalls]");
}
