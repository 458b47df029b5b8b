/*
 * Any text as a policy, and any text as a groups file: an error or a filter, never a crash.  And a
 * filter that comes out says what its policy says: what is refused is refused with all arguments,
 * nothing else than the rules' answers is ever given.
 *
 * The first byte of the input chooses ('g': a groups file), the rest is the text; its last bytes
 * serve as arguments of calls too.  KELP_GROUPS in the environment is the file of groups.
 */

#include "call-program.h"
#include "fuzz.h"
#include "groups.h"
#include "policy.h"
#include "test-seccomp-vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *groups_path;

/* Words with arguments make the answer depend on them. */
static bool has_row(const struct call_table *t, int nr)
{
        for (size_t i = 0; i < t->n_rows; i++)
                if (t->rows[i].nr == nr && call_row_counts(t, &t->rows[i]))
                        return true;
        return false;
}

static void check_call(const struct call_program *program, const struct policy *p, uint32_t arch,
                       int nr, const uint64_t *args)
{
        struct seccomp_data call = { .nr = nr, .arch = arch };

        memcpy(call.args, args, sizeof(call.args));
        struct vm_result result = vm_run(program->insns, program->len, &call);
        uint32_t want = nr >= 0 && nr < CALLS_MAX ? p->table.actions[nr] : p->table.fallback;
        bool is_passed = want == SECCOMP_RET_ALLOW || want == SECCOMP_RET_LOG;

        if (result.is_broken || result.steps > 100 + 8 * p->table.n_rows)
                abort();
        if (has_row(&p->table, nr)) {
                if (strcmp(call_action_name(result.action), "?") == 0)
                        abort();
                return;
        }
        if (!is_passed && result.action != want)
                abort();
        if (is_passed && result.action != want &&
            (result.action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
                abort();
        call.arch ^= 1;
        if (vm_run(program->insns, program->len, &call).action != SECCOMP_RET_KILL_PROCESS)
                abort();
}

static void check_filter(const struct policy *p, const struct groups *g, const uint8_t *data,
                         size_t size)
{
        struct call_program *program = NULL;
        struct err e = { 0 };
        uint64_t args[6] = { 0 };
        size_t n = size < sizeof(args) ? size : sizeof(args);

        if (policy_compile(&program, p, g, &e) < 0) {
                if (e.code != E2BIG)
                        abort();
                return;
        }
        memcpy(args, data + size - n, n);
        for (int nr = -2; nr < CALLS_MAX + 2; nr++)
                check_call(program, p, g->calls.arch->token, nr, args);
        check_call(program, p, g->calls.arch->token, 0x40000000, args);
        free(program);
}

static void try_text(const char *path, bool is_groups, const uint8_t *data, size_t size)
{
        static struct policy policy;
        struct groups g;
        struct err e = { 0 };
        const struct arch *arch = arch_find(size % 2 ? "x86_64" : "aarch64", &e);
        struct policy_source source = { .path = path,
                                        .dir = "/dev/null",
                                        .variant = { .allow_userns = size & 2,
                                                     .fake_root = size & 4 } };

        int r = groups_read(&g, is_groups ? path : groups_path, arch, &e);
        if (r < 0 && !is_groups) {
                fprintf(stderr, "%s\n", e.text);
                abort();
        }
        if (r == 0 && !is_groups) {
                if (policy_read(&policy, &source, &g, &e) == 0)
                        check_filter(&policy, &g, data, size);
                policy_done(&policy);
        }
        groups_done(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char path[64];
        int fd;

        if (!groups_path)
                groups_path = getenv("KELP_GROUPS");
        if (!groups_path) {
                fprintf(stderr, "seccomp-policy: KELP_GROUPS is not set\n");
                abort();
        }
        if (size < 1 || size > 64 * 1024)
                return 0;
        fd = memfd_create("policy", MFD_CLOEXEC);
        if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
                abort();
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        try_text(path, data[0] == 'g', data, size);
        close(fd);
        return 0;
}
