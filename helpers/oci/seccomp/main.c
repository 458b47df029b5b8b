/*
 * kelp-oci-seccomp: compiles linux.seccomp of a config.json.  Called by kelp-oci without arguments; it
 * reads the profile on standard input, and writes what filter-form.h says on standard output.  Exit
 * status: 0; 125 when it failed, and has said why: of a bad profile the path of what is bad.
 *
 * Whoever wrote the profile may be a stranger, and libseccomp is much code: so it is done here, in a
 * process that has given up all else.
 */

#include "compile.h"
#include "confine.h"
#include "err.h"
#include "fd.h"
#include "filter-form.h"
#include "helper-exit.h"
#include "io.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* libseccomp gives away a filter by descriptor alone. */
static int export(const struct compiled *c, int scratch, char **ret, size_t *ret_len, struct err *e)
{
        const size_t size = sizeof(struct sock_filter);

        int r = seccomp_export_bpf(c->filter, scratch);
        if (r < 0)
                return err_set(e, -r, "libseccomp cannot make the filter: %s", err_name(-r));
        if (lseek(scratch, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read the filter");
        if (io_read_all(scratch, BPF_MAXINSNS * size, "the filter", ret, ret_len, e) < 0) {
                if (e->code != EFBIG)
                        return -e->code;
                return err_set(e, E2BIG,
                               "linux.seccomp.syscalls: the filter has more than the %d "
                               "instructions that the kernel takes",
                               BPF_MAXINSNS);
        }
        return 0;
}

static int answer(struct compiled *c, int scratch, struct err *e)
{
        static const char name[] = "standard output";
        autofree char *program = NULL;
        size_t len;

        if (export(c, scratch, &program, &len, e) < 0)
                return -e->code;
        c->form.n_insns = (uint32_t)(len / sizeof(struct sock_filter));
        if (io_write_all(STDOUT_FILENO, &c->form, sizeof(c->form), name, e) < 0 ||
            io_write_all(STDOUT_FILENO, program, len, name, e) < 0)
                return -e->code;
        return io_write_all(STDOUT_FILENO, c->notices, c->form.notices_len, name, e);
}

static int run(struct err *e)
{
        autofd scratch = memfd_create("kelp-oci-seccomp", MFD_CLOEXEC);
        autocompiled compiled = { .filter = NULL };
        autofree char *text = NULL;
        size_t len;

        if (scratch < 0)
                return err_sys(e, "cannot make a file in memory");
        if (confine_enter(scratch, e) < 0 ||
            io_read_all(STDIN_FILENO, FILTER_FORM_MAX_PROFILE, "linux.seccomp", &text, &len, e) <
                    0 ||
            compile_profile(text, len, &compiled, e) < 0)
                return -e->code;
        return answer(&compiled, scratch, e);
}

int main(int argc, char **argv)
{
        struct err e = { 0 };

        (void)argv;
        if (argc != 1)
                err_set(&e, EINVAL, "no arguments are taken: kelp-oci-seccomp <PROFILE >FILTER");
        if (e.code != 0 || fd_fill_standard(&e) < 0 || run(&e) < 0) {
                log_err(&e);
                return HELPER_FAILED;
        }
        return 0;
}
