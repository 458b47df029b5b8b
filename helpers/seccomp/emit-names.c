#include "emit.h"

#include "call-rules.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

/*
 * The vocabulary as C, for the launcher.  libseccomp has no list of its names; it is asked for every
 * number of every architecture, so that a policy may name a call that only another one has.
 */

#define MAX_NAMES 4000

/* what has a place in struct call_name and struct call_group */
#define MAX_NAME  35
#define MAX_GROUP 27

static const uint32_t all_archs[] = {
        SCMP_ARCH_X86,     SCMP_ARCH_X86_64, SCMP_ARCH_X32,     SCMP_ARCH_ARM,
        SCMP_ARCH_AARCH64, SCMP_ARCH_MIPS,   SCMP_ARCH_MIPS64,  SCMP_ARCH_MIPS64N32,
        SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X,  SCMP_ARCH_RISCV64,
};

/* where their numbers begin: x32 and the three of MIPS count from elsewhere */
static const unsigned first_numbers[] = { 0, 4000, 5000, 6000, 0x40000000, 0xf0000 };

struct names {
        const char *items[MAX_NAMES];
        size_t n;
};

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_name(struct names *names, const char *name, struct arena *arena, struct err *e)
{
        for (size_t i = 0; i < names->n; i++)
                if (str_eq(names->items[i], name))
                        return 0;
        if (strlen(name) > MAX_NAME)
                return err_set(e, ENAMETOOLONG, "the name '%s' is too long", name);
        if (names->n == MAX_NAMES)
                return err_set(e, E2BIG, "more than %d names", MAX_NAMES);
        names->items[names->n] = arena_copy(arena, name, e);
        return names->items[names->n++] ? 0 : -e->code;
}

static int add_arch(struct names *names, uint32_t arch, struct arena *arena, struct err *e)
{
        for (size_t i = 0; i < sizeof(first_numbers) / sizeof(first_numbers[0]); i++) {
                for (unsigned nr = 0; nr < CALLS_MAX; nr++) {
                        autofree char *name = seccomp_syscall_resolve_num_arch(
                                arch, (int)(first_numbers[i] + nr));

                        if (name && add_name(names, name, arena, e) < 0)
                                return -e->code;
                }
        }
        return 0;
}

static int collect(struct names *names, const struct groups *g, struct arena *arena, struct err *e)
{
        for (size_t i = 0; i < sizeof(all_archs) / sizeof(all_archs[0]); i++)
                if (add_arch(names, all_archs[i], arena, e) < 0)
                        return -e->code;
        for (size_t i = 0; i < g->n_names; i++)
                if (g->names[i][0] != '@' && add_name(names, g->names[i], arena, e) < 0)
                        return -e->code;
        qsort(names->items, names->n, sizeof(names->items[0]), compare);
        return 0;
}

static int put_names(FILE *out, const struct names *names, const struct groups *g, struct err *e)
{
        fputs("\nconst struct call_name call_names[] = {\n", out);
        for (size_t i = 0; i < names->n; i++) {
                int nr = -1;

                if (calls_resolve(&g->calls, names->items[i], &nr, e) < 0)
                        return -e->code;
                fprintf(out, "        { \"%s\", %d },\n", names->items[i], nr);
        }
        fprintf(out, "};\nconst size_t call_n_names = %zu;\n", names->n);
        return 0;
}

static int put_groups(FILE *out, const struct groups *g, struct err *e)
{
        size_t first = 0;

        fputs("\nconst struct call_group call_groups[] = {\n", out);
        for (size_t i = 0; i < g->n_groups; i++) {
                if (strlen(g->groups[i].name) > MAX_GROUP)
                        return err_set(e, ENAMETOOLONG, "the name '%s' is too long",
                                       g->groups[i].name);
                fprintf(out, "        { \"%s\", %zu, %zu },\n", g->groups[i].name, first,
                        g->groups[i].n_members);
                first += g->groups[i].n_members;
        }
        fprintf(out, "};\nconst size_t call_n_groups = %zu;\n", g->n_groups);
        fputs("\nconst int call_group_members[] = {\n", out);
        for (size_t i = 0; i < g->n_groups; i++)
                for (size_t j = 0; j < g->groups[i].n_members; j++)
                        fprintf(out, "        %d,\n", g->groups[i].members[j]);
        fputs("};\n", out);
        return 0;
}

static void put_flags(FILE *out, const char *name, const bool *flags)
{
        fprintf(out, "\nconst bool %s[CALL_TABLE_MAX] = {\n", name);
        for (int nr = 0; nr < CALLS_MAX; nr++)
                if (flags[nr])
                        fprintf(out, "        [%d] = true,\n", nr);
        fputs("};\n", out);
}

int emit_names(FILE *out, const struct groups *g, struct err *e)
{
        autofree struct names *names = mem_alloc(sizeof(*names), e);
        struct arena arena = { 0 };

        if (!names)
                return -e->code;
        fputs("/* Made by kelp-seccomp from policies/syscalls.groups.  Do not edit. */\n"
              "#include \"call-names.h\"\n",
              out);
        if (collect(names, g, &arena, e) == 0 && put_names(out, names, g, e) == 0)
                put_groups(out, g, e);
        arena_done(&arena);
        fputs("\nconst uint16_t call_answers[CALL_TABLE_MAX] = {\n", out);
        for (int nr = 0; nr < CALLS_MAX; nr++)
                fprintf(out, "        %u,\n", g->answers[nr]);
        fputs("};\n", out);
        put_flags(out, "call_is_hot", g->is_hot);
        put_flags(out, "call_is_never", g->is_never);
        fputs("\nconst int call_rule_numbers[CALL_RULES_MAX] = {\n", out);
        for (size_t i = 0; e->code == 0 && i < call_rules_count; i++) {
                int nr = -1;

                if (calls_resolve(&g->calls, call_rules[i].call, &nr, e) == 0)
                        fprintf(out, "        %d,\n", nr);
        }
        fputs("};\n", out);
        fprintf(out, "\nconst uint32_t call_arch = 0x%08x;\n", g->calls.arch->token);
        return -e->code;
}
