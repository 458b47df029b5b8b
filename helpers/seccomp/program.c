#include "program.h"

#include "mem.h"
#include "rules.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>

/*
 * How a filter is laid out.
 *
 *     load arch; another than ours: kill
 *     load nr
 *     a binary search over ranges of numbers
 *     the argument rules of the few calls that have some
 *
 * Neighbouring numbers with the same answer are one range, so there are some 60 ranges to find
 * instead of 400 numbers, and one "return" serves many of them.  libseccomp's tree has a node for
 * each number; ours is a third of its size.  That counts twice: the kernel walks the filter once
 * for each number when it is loaded, to learn which calls are always allowed, and translates
 * every instruction.  A call that is always allowed must be so without a look at its arguments:
 * then the kernel (5.11) never runs the filter for it again.
 *
 * Foreign calls.  i386 calls (int 0x80) have another arch: the process is killed, there is no
 * honest program here that makes them.  x32 calls have our arch and bit 30 in nr: they are beyond
 * every number that we know, and get the policy's default.
 *
 * The code is written backwards, last instruction first: jumps go forward only, so a jump is
 * written when its targets are known.  A position is the number of instructions behind it.
 */

#define MAX_RANGES (CALLS_MAX + 1)
#define MAX_RETS   64

/* How much more a hot call weighs than one that is not, when the tree is split. */
#define HOT_WEIGHT 6

/* Jumps of a test reach over at most 255 instructions. */
#define REACH 255

struct range {
        uint32_t first;
        uint32_t action;
        bool has_rules; /* then it is one number, and `chain` the position of its rules */
        int chain;
        unsigned weight;
};

struct builder {
        struct sock_filter insns[BPF_MAXINSNS]; /* backwards */
        int n;
        struct {
                uint32_t action;
                int at;
        } rets[MAX_RETS];
        size_t n_rets;
        struct range ranges[MAX_RANGES];
        size_t n_ranges;
        int rule_nrs[RULES_MAX]; /* the number of the call of each rule, -1: not here */
        bool is_full;
};

/* Writes one instruction in front of all others; returns its position. */
static int put(struct builder *b, uint16_t code, uint32_t k, int jump_true, int jump_false)
{
        /* a jump that does not fit would silently go elsewhere */
        if (b->n >= BPF_MAXINSNS || jump_true > REACH || jump_false > REACH) {
                b->is_full = true;
                return 0;
        }
        b->insns[b->n] = (struct sock_filter){
                .code = code, .jt = (uint8_t)jump_true, .jf = (uint8_t)jump_false, .k = k
        };
        return b->n++;
}

static int put_load(struct builder *b, size_t offset)
{
        return put(b, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* A position from which `target` is reached, for an instruction that comes within `soon` of now. */
static int within_reach(struct builder *b, int target, int soon)
{
        if (b->n + soon - target - 1 <= REACH)
                return target;
        return put(b, BPF_JMP | BPF_JA, (uint32_t)(b->n - target - 1), 0, 0);
}

static int put_test(struct builder *b, uint16_t test, uint32_t k, int on_true, int on_false)
{
        /* a detour for the second target puts the first one instruction further off */
        int far_true = within_reach(b, on_true, 1);
        int far_false = within_reach(b, on_false, 0);

        return put(b, BPF_JMP | test | BPF_K, k, b->n - far_true - 1, b->n - far_false - 1);
}

/* The position of a "return action"; an earlier one serves as long as it can be reached. */
static int get_ret(struct builder *b, uint32_t action)
{
        size_t i = 0;

        while (i < b->n_rets && b->rets[i].action != action)
                i++;
        /* some room for what comes between this and the jump */
        if (i < b->n_rets && b->n - b->rets[i].at < REACH - 16)
                return b->rets[i].at;
        int at = put(b, BPF_RET | BPF_K, action, 0, 0);
        if (i < MAX_RETS) {
                b->rets[i].action = action;
                b->rets[i].at = at;
                b->n_rets = i == b->n_rets ? i + 1 : b->n_rets;
        }
        return at;
}

/* Where a row of rules is entered. */
struct entry {
        int start;                    /* with anything in the accumulator */
        int tested;                   /* with what `cond` looks at in it */
        const struct rule_cond *cond; /* NULL: the row looks at nothing */
};

static bool is_same_load(const struct rule_cond *a, const struct rule_cond *b)
{
        return b && a->arg == b->arg && a->mask == b->mask;
}

static struct entry put_cond(struct builder *b, const struct rule_cond *cond, int on_true,
                             int on_false)
{
        struct entry entry = { .cond = cond };

        switch (cond->test) {
        case RULE_NONE:
                return (struct entry){ .start = on_true, .tested = on_true };
        case RULE_EQUAL:
                entry.tested = put_test(b, BPF_JEQ, cond->value, on_true, on_false);
                break;
        case RULE_DIFFERS:
                entry.tested = put_test(b, BPF_JEQ, cond->value, on_false, on_true);
                break;
        case RULE_ABOVE:
                entry.tested = put_test(b, BPF_JGT, cond->value, on_true, on_false);
                break;
        case RULE_ANY_BIT:
                entry.tested = put_test(b, BPF_JSET, cond->value, on_true, on_false);
                break;
        }
        if (cond->mask != UINT32_MAX)
                put(b, BPF_ALU | BPF_AND | BPF_K, cond->mask, 0, 0);
        /* the low half: both architectures are little-endian */
        entry.start =
                put_load(b, offsetof(struct seccomp_data, args) + cond->arg * sizeof(uint64_t));
        return entry;
}

/* One row, in front of what follows when it does not hold. */
static struct entry put_row(struct builder *b, const struct rule *rule, uint32_t allowed,
                            struct entry next)
{
        int on_true = get_ret(b, rules_action(rule, allowed));
        struct entry entry = { .start = on_true, .tested = on_true };

        for (size_t i = RULE_MAX_CONDS; i-- > 0;) {
                const struct rule_cond *cond = &rule->conds[i];
                bool is_loaded = i == 0 && is_same_load(cond, next.cond);

                if (cond->test == RULE_NONE)
                        continue;
                entry = put_cond(b, cond, entry.start, is_loaded ? next.tested : next.start);
        }
        return entry;
}

/* The rules of call `nr`; *ret_at is where they start.  Returns whether there are any. */
static bool put_rules(struct builder *b, const struct policy *p, int nr, int *ret_at)
{
        struct entry entry = { .start = -1 };

        for (size_t i = rules_count; i-- > 0;) {
                const struct rule *rule = &rules_table[i];

                if (b->rule_nrs[i] != nr || !rules_count_for(rule, &p->variant))
                        continue;
                if (entry.start < 0) {
                        int at = get_ret(b, p->actions[nr]);

                        entry = (struct entry){ .start = at, .tested = at };
                }
                entry = put_row(b, rule, p->actions[nr], entry);
        }
        *ret_at = entry.start;
        return entry.start >= 0;
}

static bool is_passed(uint32_t action)
{
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static void add_range(struct builder *b, const struct range *range)
{
        struct range *last = b->n_ranges > 0 ? &b->ranges[b->n_ranges - 1] : NULL;

        if (last && !last->has_rules && !range->has_rules && last->action == range->action)
                last->weight += range->weight;
        else
                b->ranges[b->n_ranges++] = *range;
}

static void find_ranges(struct builder *b, const struct policy *p, const struct groups *g)
{
        for (int nr = 0; nr < CALLS_MAX; nr++) {
                struct range range = {
                        .first = (uint32_t)nr,
                        .action = p->actions[nr],
                        .weight = p->is_named[nr] ? 1 : 0,
                };

                if (g->is_hot[nr])
                        range.weight += HOT_WEIGHT;
                if (is_passed(range.action))
                        range.has_rules = put_rules(b, p, nr, &range.chain);
                add_range(b, &range);
        }
        /* what does not exist, and x32 */
        add_range(b, &(struct range){ .first = CALLS_MAX, .action = p->fallback });
}

/* Where the tree over ranges [from, to) is cut: both halves weigh about the same. */
static size_t find_cut(const struct builder *b, size_t from, size_t to)
{
        unsigned total = 0;
        unsigned left = 0;
        size_t best = from + 1;
        unsigned best_difference = UINT32_MAX;

        for (size_t i = from; i < to; i++)
                total += b->ranges[i].weight + 1;
        for (size_t i = from + 1; i < to; i++) {
                left += b->ranges[i - 1].weight + 1;
                unsigned right = total - left;
                unsigned difference = left > right ? left - right : right - left;

                if (difference < best_difference) {
                        best = i;
                        best_difference = difference;
                }
        }
        return best;
}

static int put_leaf(struct builder *b, const struct range *range)
{
        return range->has_rules ? range->chain : get_ret(b, range->action);
}

/* Whether ranges [from, from + 3) are one answer with a hole of one number. */
static bool is_hole(const struct builder *b, size_t from)
{
        const struct range *r = &b->ranges[from];

        return !r[0].has_rules && !r[2].has_rules && r[0].action == r[2].action &&
               r[1].first + 1 == r[2].first;
}

/* The search over ranges [from, to), nr being in the accumulator.  */
static int put_tree(struct builder *b, size_t from, size_t to)
{
        if (to - from == 1)
                return put_leaf(b, &b->ranges[from]);
        if (to - from == 3 && is_hole(b, from)) {
                int hole = put_leaf(b, &b->ranges[from + 1]);
                int around = put_leaf(b, &b->ranges[from]);

                return put_test(b, BPF_JEQ, b->ranges[from + 1].first, hole, around);
        }
        size_t cut = find_cut(b, from, to);
        int right = put_tree(b, cut, to);
        int left = put_tree(b, from, cut);
        return put_test(b, BPF_JGE, b->ranges[cut].first, right, left);
}

static int resolve_rules(struct builder *b, const struct groups *g, struct err *e)
{
        for (size_t i = 0; i < rules_count; i++) {
                int r = calls_resolve(&g->calls, rules_table[i].call, &b->rule_nrs[i], e);

                if (r < 0)
                        return err_prefix(e, "in the argument rules");
        }
        return 0;
}

static void put_program(struct builder *b, const struct policy *p, const struct groups *g)
{
        find_ranges(b, p, g);
        int kill = get_ret(b, SECCOMP_RET_KILL_PROCESS);
        int root = put_tree(b, 0, b->n_ranges);
        /* a load goes on with the instruction behind it: that must be the root */
        if (root != b->n - 1)
                put(b, BPF_JMP | BPF_JA, (uint32_t)(b->n - root - 1), 0, 0);
        int search = put_load(b, offsetof(struct seccomp_data, nr));
        put_test(b, BPF_JEQ, g->calls.arch->token, search, kill);
        put_load(b, offsetof(struct seccomp_data, arch));
}

int program_build(struct program **ret, const struct policy *p, const struct groups *g,
                  struct err *e)
{
        autofree struct builder *b = mem_alloc(sizeof(*b), e);

        if (!b)
                return -e->code;
        int r = resolve_rules(b, g, e);
        if (r < 0)
                return r;
        put_program(b, p, g);
        if (b->is_full)
                return err_set(e, E2BIG,
                               "the filter of policy '%s' does not fit into %d instructions",
                               p->name, BPF_MAXINSNS);
        struct program *program = mem_alloc(sizeof(*program), e);
        if (!program)
                return -e->code;
        program->len = (size_t)b->n;
        for (int i = 0; i < b->n; i++)
                program->insns[i] = b->insns[b->n - 1 - i];
        *ret = program;
        return 0;
}
