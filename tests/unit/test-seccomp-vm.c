#include "test-seccomp-vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a jump goes, or SIZE_MAX when the instruction is none. */
static size_t jump_from(const struct sock_filter *insn, size_t at, uint32_t a)
{
        bool holds;

        switch (insn->code) {
        case BPF_JMP | BPF_JA:
                return at + 1 + insn->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
                holds = a == insn->k;
                break;
        case BPF_JMP | BPF_JGT | BPF_K:
                holds = a > insn->k;
                break;
        case BPF_JMP | BPF_JGE | BPF_K:
                holds = a >= insn->k;
                break;
        case BPF_JMP | BPF_JSET | BPF_K:
                holds = (a & insn->k) != 0;
                break;
        default:
                return SIZE_MAX;
        }
        return at + 1 + (holds ? insn->jt : insn->jf);
}

struct vm_result vm_run(const struct sock_filter *insns, size_t len,
                        const struct seccomp_data *data)
{
        struct vm_result result = { .is_broken = true };
        uint32_t a = 0;

        for (size_t at = 0; at < len;) {
                const struct sock_filter *insn = &insns[at];

                result.steps++;
                if (insn->code == (BPF_RET | BPF_K)) {
                        result.action = insn->k;
                        result.is_broken = false;
                        return result;
                }
                if (insn->code == (BPF_LD | BPF_W | BPF_ABS)) {
                        if (insn->k % 4 != 0 || insn->k + 4 > sizeof(*data))
                                return result;
                        if (insn->k >= offsetof(struct seccomp_data, instruction_pointer))
                                result.looked_at_args = true;
                        memcpy(&a, (const char *)data + insn->k, sizeof(a));
                        at++;
                } else if (insn->code == (BPF_ALU | BPF_AND | BPF_K)) {
                        a &= insn->k;
                        at++;
                } else {
                        at = jump_from(insn, at, a);
                }
        }
        return result;
}

bool vm_is_always_allowed(const struct sock_filter *insns, size_t len, uint32_t arch, int nr)
{
        struct seccomp_data data = { .nr = nr, .arch = arch };
        struct vm_result result = vm_run(insns, len, &data);

        return !result.is_broken && !result.looked_at_args && result.action == SECCOMP_RET_ALLOW;
}

static const uint32_t values[] = {
        0,          1,          2,          3,          4,          5,          6,
        7,          8,          9,          10,         11,         15,         16,
        17,         18,         26,         31,         32,         34,         35,
        36,         38,         40,         41,         44,         45,         58,
        59,         63,         64,         65,         66,         96,         97,
        98,         115,        127,        128,        129,        130,        132,
        136,        255,        256,        257,        261,        262,        263,
        0x800,      0x80000,    0x80001,    0x80002,    0x80003,    0x8000a,    0x5411,
        0x5412,     0x5413,     0x541b,     0x541c,     0x541d,     0x541e,     0x5422,
        0x5423,     0x5424,     0x4aff,     0x4b00,     0x4b46,     0x4bff,     0x4c00,
        0x55ff,     0x5600,     0x5606,     0x56ff,     0x5700,     0x40045612, 0x20000,
        0x20008,    0x20009,    0x40000,    0x400000,   0x1000,     0x2000,     0x21b6,
        0x4000,     0x6000,     0x61b6,     0x8000,     0xa000,     0xc000,     0x11,
        0x91,       0x3d0f00,   0x1200011,  0x4111,     0x10000000, 0x2000000,  0x4000000,
        0x8000000,  0x20000000, 0x40000000, 0x7e020000, 0x80000000, 0x7fffffff, 0xffffffff,
        0xfffffffe, 0x10000011, 0x20011,    0x7e020011,
};

#define N_VALUES (sizeof(values) / sizeof(values[0]))

static void sweep_one(struct seccomp_data *data, const uint64_t *args,
                      void (*each)(const struct seccomp_data *data, void *user), void *user)
{
        static const uint64_t uppers[] = { 0, 0x100000000, 0x8000000000000000, 0xffffffff00000000 };

        for (size_t i = 0; i < sizeof(uppers) / sizeof(uppers[0]); i++) {
                for (size_t j = 0; j < 6; j++)
                        data->args[j] = args[j] | uppers[i];
                each(data, user);
        }
}

void vm_sweep_args(uint32_t arch, int nr, void (*each)(const struct seccomp_data *data, void *user),
                   void *user)
{
        struct seccomp_data data = { .nr = nr, .arch = arch };
        static const uint32_t rests[] = { 0, 1, 2, 3, 10, 16, 0xffffffff };

        for (size_t rest = 0; rest < sizeof(rests) / sizeof(rests[0]); rest++) {
                for (size_t slot = 0; slot < 6; slot++) {
                        for (size_t v = 0; v < N_VALUES; v++) {
                                uint64_t args[6];

                                for (size_t j = 0; j < 6; j++)
                                        args[j] = j == slot ? values[v] : rests[rest];
                                sweep_one(&data, args, each, user);
                        }
                }
        }
}

const char *vm_action_name(uint32_t action)
{
        static const struct {
                uint32_t action;
                const char *name;
        } names[] = {
                { SECCOMP_RET_ALLOW, "allow" },
                { SECCOMP_RET_LOG, "log" },
                { SECCOMP_RET_KILL_PROCESS, "kill" },
                { SECCOMP_RET_ERRNO, "fake" },
                { SECCOMP_RET_ERRNO | EPERM, "EPERM" },
                { SECCOMP_RET_ERRNO | ENOSYS, "ENOSYS" },
                { SECCOMP_RET_ERRNO | EAFNOSUPPORT, "EAFNOSUPPORT" },
                { SECCOMP_RET_ERRNO | EPROTONOSUPPORT, "EPROTONOSUPPORT" },
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (action == names[i].action)
                        return names[i].name;
        return "?";
}

bool vm_holds(const struct call_cond *cond, const __u64 *args)
{
        uint32_t value = (uint32_t)args[cond->arg];

        switch (cond->test) {
        case CALL_TEST_NONE:
                return true;
        case CALL_TEST_EQUAL:
                return (value & cond->mask) == cond->value;
        case CALL_TEST_DIFFERS:
                return (value & cond->mask) != cond->value;
        case CALL_TEST_ABOVE:
                return (value & cond->mask) > cond->value;
        case CALL_TEST_ANY_BIT:
                return (value & cond->value) != 0;
        }
        abort();
}
