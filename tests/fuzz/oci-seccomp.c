/*
 * Any bytes as linux.seccomp: what is refused has a line that begins with its path, and what is taken is a
 * filter that the kernel takes, which answers every call.
 */

#include "compile.h"
#include "fuzz.h"
#include "test-seccomp-vm.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char path[] = "linux.seccomp";

static void check_filter(const struct compiled *c)
{
        static struct sock_filter insns[BPF_MAXINSNS];
        static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64 };
        int fd = memfd_create("filter", MFD_CLOEXEC);

        if (fd < 0)
                abort();
        ssize_t size =
                seccomp_export_bpf(c->filter, fd) == 0 ? pread(fd, insns, sizeof(insns), 0) : -1;
        close(fd);
        /* some rules are more than a filter holds */
        if (size <= 0 || size == sizeof(insns))
                return;
        for (unsigned i = 0; i < 3 * 16; i++) {
                struct seccomp_data data = { .nr = (int)(i / 3) * 37, .arch = archs[i % 3] };

                if (vm_run(insns, (size_t)size / sizeof(*insns), &data).is_broken)
                        abort();
        }
}

/* Each line is for one of two, and none has what a terminal obeys. */
static void check_notices(const struct compiled *c)
{
        const char *at = c->notices;
        const char *end = at + c->form.notices_len;

        if (c->form.notices_len >= sizeof(c->notices))
                abort();
        while (at < end) {
                size_t len = (size_t)(strchr(at, '\n') - at);

                if (len < 2 || (*at != FILTER_FORM_NOTICE && *at != FILTER_FORM_DETAIL) ||
                    memchr(at, '\033', len))
                        abort();
                at += len + 1;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct compiled *c = calloc(1, sizeof(*c));
        struct err e = { 0 };

        if (!c)
                abort();
        int r = compile_profile((const char *)data, size, c, &e);
        if (r < 0 && (r != -e.code || strncmp(e.text, path, strlen(path)) != 0))
                abort();
        if (r == 0) {
                check_filter(c);
                check_notices(c);
        }
        compiled_done(c);
        free(c);
        return 0;
}
