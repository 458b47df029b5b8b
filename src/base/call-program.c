#include "call-program.h"

#include "mem.h"

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

#define MAX_RANGES (CALL_TABLE_MAX + 1)
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
        const struct call_table *table;
        const struct call_variant *variant;
        const struct call_machine *machine;
        bool has_chain[CALL_TABLE_MAX]; /* arguments of the call are looked at */
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
        const struct call_cond *cond; /* NULL: the row looks at nothing */
};

static bool is_same_load(const struct call_cond *a, const struct call_cond *b)
{
        return b && a->arg == b->arg && a->mask == b->mask;
}

static struct entry put_cond(struct builder *b, const struct call_cond *cond, int on_true,
                             int on_false)
{
        struct entry entry = { .cond = cond };

        switch (cond->test) {
        case CALL_TEST_NONE:
                return (struct entry){ .start = on_true, .tested = on_true };
        case CALL_TEST_EQUAL:
                entry.tested = put_test(b, BPF_JEQ, cond->value, on_true, on_false);
                break;
        case CALL_TEST_DIFFERS:
                entry.tested = put_test(b, BPF_JEQ, cond->value, on_false, on_true);
                break;
        case CALL_TEST_ABOVE:
                entry.tested = put_test(b, BPF_JGT, cond->value, on_true, on_false);
                break;
        case CALL_TEST_ANY_BIT:
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
static struct entry put_row(struct builder *b, const struct call_cond *conds, size_t n,
                            struct entry on_true, struct entry next)
{
        struct entry entry = on_true;

        for (size_t i = n; i-- > 0;) {
                const struct call_cond *cond = &conds[i];
                bool is_loaded = i == 0 && is_same_load(cond, next.cond);

                if (cond->test == CALL_TEST_NONE)
                        continue;
                entry = put_cond(b, cond, entry.start, is_loaded ? next.tested : next.start);
        }
        return entry;
}

static struct entry put_answer(struct builder *b, uint32_t action)
{
        int at = get_ret(b, action);

        return (struct entry){ .start = at, .tested = at };
}

/* What becomes of an allowed call `nr`: kelp's own rules about its arguments, if there are any. */
static struct entry put_rules(struct builder *b, int nr)
{
        uint32_t allowed = call_table_allowed(b->table, nr);
        struct entry entry = put_answer(b, allowed);

        if (!call_table_is_passed(allowed))
                return entry;
        for (size_t i = call_rules_count; i-- > 0;) {
                const struct call_rule *rule = &call_rules[i];

                if (b->machine->rule_numbers[i] != nr || !call_rule_counts_for(rule, b->variant))
                        continue;
                entry = put_row(b, rule->conds, CALL_RULE_MAX_CONDS,
                                put_answer(b, call_rule_action(rule, allowed)), entry);
        }
        return entry;
}

/* The rows of the policy; behind each that allows stand kelp's own rules, which it cannot undo. */
static int put_chain(struct builder *b, int nr)
{
        const struct call_table *t = b->table;
        struct entry rules = put_rules(b, nr);
        struct entry entry =
                call_table_is_passed(t->actions[nr]) ? rules : put_answer(b, t->actions[nr]);

        for (size_t i = t->n_rows; i-- > 0;) {
                const struct call_row *row = &t->rows[i];

                if (row->nr != nr || !call_row_counts(t, row))
                        continue;
                entry = put_row(b, row->conds, row->n_conds,
                                row->is_deny ? put_answer(b, row->action) : rules, entry);
        }
        return entry.start;
}

static void find_chains(struct builder *b)
{
        const struct call_table *t = b->table;

        for (size_t i = 0; i < call_rules_count; i++) {
                int nr = b->machine->rule_numbers[i];

                if (nr >= 0 && call_table_is_passed(t->actions[nr]) &&
                    call_rule_counts_for(&call_rules[i], b->variant))
                        b->has_chain[nr] = true;
        }
        for (size_t i = 0; i < t->n_rows; i++)
                if (call_row_counts(t, &t->rows[i]))
                        b->has_chain[t->rows[i].nr] = true;
}

static void add_range(struct builder *b, const struct range *range)
{
        struct range *last = b->n_ranges > 0 ? &b->ranges[b->n_ranges - 1] : NULL;

        if (last && !last->has_rules && !range->has_rules && last->action == range->action)
                last->weight += range->weight;
        else
                b->ranges[b->n_ranges++] = *range;
}

static void find_ranges(struct builder *b)
{
        const struct call_table *t = b->table;

        for (int nr = 0; nr < CALL_TABLE_MAX; nr++) {
                struct range range = {
                        .first = (uint32_t)nr,
                        .action = t->actions[nr],
                        .has_rules = b->has_chain[nr],
                        .weight = t->is_named[nr] ? 1 : 0,
                };

                if (b->machine->is_hot[nr])
                        range.weight += HOT_WEIGHT;
                if (range.has_rules)
                        range.chain = put_chain(b, nr);
                add_range(b, &range);
        }
        /* what does not exist, and x32 */
        add_range(b, &(struct range){ .first = CALL_TABLE_MAX, .action = t->fallback });
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

static void put_program(struct builder *b)
{
        find_chains(b);
        find_ranges(b);
        int kill = get_ret(b, SECCOMP_RET_KILL_PROCESS);
        int root = put_tree(b, 0, b->n_ranges);
        /* a load goes on with the instruction behind it: that must be the root */
        if (root != b->n - 1)
                put(b, BPF_JMP | BPF_JA, (uint32_t)(b->n - root - 1), 0, 0);
        int search = put_load(b, offsetof(struct seccomp_data, nr));
        put_test(b, BPF_JEQ, b->machine->arch, search, kill);
        put_load(b, offsetof(struct seccomp_data, arch));
}

int call_program_build(struct call_program **ret, const struct call_table *t,
                       const struct call_variant *variant, const struct call_machine *m,
                       struct err *e)
{
        /* most of it is never touched: nothing but new pages is zero for free */
        __attribute__((cleanup(arena_done))) struct arena arena = { 0 };

        if (arena_map(&arena, 2 * sizeof(struct builder), "a filter", e) < 0)
                return -e->code;
        struct builder *b = arena_alloc(&arena, sizeof(*b), e);
        if (!b)
                return -e->code;
        b->table = t;
        b->variant = variant;
        b->machine = m;
        put_program(b);
        if (b->is_full)
                return err_set(e, E2BIG, "the filter does not fit into %d instructions",
                               BPF_MAXINSNS);
        size_t len = (size_t)b->n;
        struct call_program *program =
                mem_alloc(sizeof(*program) + len * sizeof(program->insns[0]), e);
        if (!program)
                return -e->code;
        program->len = len;
        for (size_t i = 0; i < len; i++)
                program->insns[i] = b->insns[len - 1 - i];
        *ret = program;
        return 0;
}
