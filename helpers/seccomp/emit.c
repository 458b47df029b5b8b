#include "emit.h"

#include "call-rules.h"
#include "str.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

void emit_header(FILE *out)
{
        fputs("/* Made by kelp-seccomp from policies/.  Do not edit. */\n"
              "#ifndef KELP_SECCOMP_FILTERS_H\n"
              "#define KELP_SECCOMP_FILTERS_H\n"
              "\n"
              "struct sock_filter;\n"
              "\n"
              "/* A built-in filter, ready for seccomp(2). */\n"
              "struct seccomp_filter {\n"
              "        const char *name; /* of its policy, \"+userns\" and \"+fakeroot\" behind it */\n"
              "        unsigned short len;\n"
              "        const struct sock_filter *insns;\n"
              "};\n"
              "\n"
              "/* The filter of that name, or NULL. */\n"
              "const struct seccomp_filter *seccomp_filter_find(const char *name);\n"
              "\n"
              "#endif\n",
              out);
}

void emit_c_begin(FILE *out, const char *header)
{
        fprintf(out,
                "/* Made by kelp-seccomp from policies/.  Do not edit. */\n"
                "#include \"%s\"\n"
                "\n"
                "#include <linux/filter.h>\n"
                "#include <stddef.h>\n"
                "#include <string.h>\n",
                header);
}

void emit_c_array(FILE *out, size_t index, const struct call_program *program)
{
        fprintf(out, "\nstatic const struct sock_filter insns_%zu[] = {\n", index);
        for (size_t i = 0; i < program->len; i++) {
                const struct sock_filter *insn = &program->insns[i];

                fprintf(out, "        { 0x%02x, %u, %u, 0x%08x },\n", insn->code, insn->jt,
                        insn->jf, insn->k);
        }
        fputs("};\n", out);
}

void emit_c_end(FILE *out, const struct policy *const *policies,
                const struct call_program *const *programs, size_t n)
{
        fputs("\nstatic const struct seccomp_filter filters[] = {\n", out);
        for (size_t i = 0; i < n; i++)
                fprintf(out, "        { \"%s\", %zu, insns_%zu },\n", policies[i]->name,
                        programs[i]->len, i);
        fputs("};\n"
              "\n"
              "const struct seccomp_filter *seccomp_filter_find(const char *name)\n"
              "{\n"
              "        for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)\n"
              "                if (strcmp(name, filters[i].name) == 0)\n"
              "                        return &filters[i];\n"
              "        return NULL;\n"
              "}\n",
              out);
}

void emit_bpf(FILE *out, const struct call_program *program)
{
        fwrite(program->insns, sizeof(program->insns[0]), program->len, out);
}

static void emit_rules(FILE *out, const struct policy *p, const char *name)
{
        for (size_t i = 0; i < call_rules_count; i++) {
                const struct call_rule *rule = &call_rules[i];

                if (!call_rule_counts_for(rule, &p->variant) || !str_eq(rule->call, name))
                        continue;
                const char *verdict = call_action_name(call_rule_action(rule, SECCOMP_RET_ALLOW));
                fprintf(out, "     %-24s %s: %s\n", "", verdict, rule->text);
        }
}

/* The policy's own words with arguments.  Returns whether one of them allows something. */
static bool emit_rows(FILE *out, const struct call_table *t, int nr)
{
        bool has_allow = false;

        for (size_t i = 0; i < t->n_rows; i++) {
                const struct call_row *row = &t->rows[i];

                if (row->nr != nr || !call_row_counts(t, row))
                        continue;
                uint32_t action = row->is_deny ? row->action : call_table_allowed(t, nr);
                fprintf(out, "     %-24s %s: %s\n", "", call_action_name(action), row->word);
                has_allow = has_allow || !row->is_deny;
        }
        return has_allow;
}

int emit_text(FILE *out, const struct policy *p, const struct groups *g,
              const struct call_program *program, struct err *e)
{
        char safe[4 * GROUPS_MAX_WORD + 1];
        struct arena arena = { 0 };

        str_escape(safe, sizeof(safe), p->name, strlen(p->name));
        fprintf(out, "# policy %s on %s: %zu instructions\n", safe, g->calls.arch->name,
                program->len);
        fprintf(out, "# another architecture's calls: kill\n");
        fprintf(out, "# what is not listed: %s\n", call_action_name(p->table.fallback));
        for (int nr = 0; nr < CALLS_MAX; nr++) {
                if (!p->table.is_named[nr])
                        continue;
                const char *name = calls_name(&g->calls, nr, &arena);
                fprintf(out, "%4d %-24s %s\n", nr, name, call_action_name(p->table.actions[nr]));
                bool has_allow = emit_rows(out, &p->table, nr);
                if (has_allow || call_table_is_passed(p->table.actions[nr]))
                        emit_rules(out, p, name);
        }
        arena_done(&arena);
        return ferror(out) ? err_set(e, EIO, "cannot write the text of '%s'", safe) : 0;
}
