#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

/* System calls that a payload has no business with, by their effect and by their number. */

#define ADDR(x) ((long)(intptr_t)(x))

/* Each with arguments with which an unfiltered kernel answers other than EPERM or ENOSYS, where
 * there are such arguments; the others are UNPROVABLE. */
static void check_calls(struct report *r, const struct facts *f)
{
        static char buf[4096];
        const struct call calls[] = {
                { "io_uring_setup", SYS_io_uring_setup, UNPROVABLE, { 1, ADDR(buf) } },
                { "io_uring_enter", SYS_io_uring_enter, PROVABLE, { -1, 0, 0, 0 } },
                { "io_uring_register", SYS_io_uring_register, PROVABLE, { -1, 0, 0, 0 } },
                { "userfaultfd", SYS_userfaultfd, UNPROVABLE, { 1 } },
                { "bpf", SYS_bpf, UNPROVABLE, { 5, 0, 0 } },
                { "perf_event_open", SYS_perf_event_open, PROVABLE, { 0, 0, -1, -1, 0 } },
                { "process_madvise", SYS_process_madvise, PROVABLE, { -1, 0, 0, 0, 0 } },
                { "quotactl", SYS_quotactl, UNPROVABLE, { -1, 0, 0, 0 } },
                { "quotactl_fd", SYS_quotactl_fd, PROVABLE, { -1, 0, 0, 0 } },
                { "fanotify_init", SYS_fanotify_init, UNPROVABLE, { -1, 0 } },
                { "fanotify_mark", SYS_fanotify_mark, PROVABLE, { -1, 0, 0, 0, 0 } },
                { "swapon", SYS_swapon, UNPROVABLE, { ADDR("/"), 0 } },
                { "acct", SYS_acct, UNPROVABLE, { 0 } },
                { "syslog", SYS_syslog, UNPROVABLE, { 3, 0, -1 } },
                { "iopl", SYS_iopl, UNPROVABLE, { 4 } },
                { "ioperm", SYS_ioperm, UNPROVABLE, { -1, -1, 0 } },
                { "kexec_load", SYS_kexec_load, UNPROVABLE, { 0, 0, 0, 0 } },
                { "kexec_file_load", SYS_kexec_file_load, UNPROVABLE, { -1, -1, 0, 0, 0 } },
                { "init_module", SYS_init_module, UNPROVABLE, { 0, 0, 0 } },
                { "finit_module", SYS_finit_module, UNPROVABLE, { -1, 0, 0 } },
                { "delete_module", SYS_delete_module, UNPROVABLE, { ADDR("kelp"), 0 } },
                { "reboot", SYS_reboot, UNPROVABLE, { 0, 0, 0, 0 } },
                { "mbind", SYS_mbind, PROVABLE, { 0, 4096, 0, 0, 0, 0 } },
                { "move_pages", SYS_move_pages, PROVABLE, { 0, 0, 0, 0, 0, 0 } },
                { "migrate_pages", SYS_migrate_pages, PROVABLE, { 0, 0, 0, 0 } },
                { "vmsplice", SYS_vmsplice, PROVABLE, { -1, 0, 0, 0 } },
                { "modify_ldt", SYS_modify_ldt, PROVABLE, { 0, ADDR(buf), 64 } },
                { "ustat", SYS_ustat, PROVABLE, { 0, ADDR(buf) } },
                { "sysfs", SYS_sysfs, UNPROVABLE, { 3 } },
                { "open_by_handle_at", SYS_open_by_handle_at, UNPROVABLE, { AT_FDCWD, 0, 0 } },
                { "lookup_dcookie", SYS_lookup_dcookie, UNPROVABLE, { 0, 0, 0 } },
                { "remap_file_pages", SYS_remap_file_pages, PROVABLE, { 0, 0, 0, 0, 0 } },
                { "vhangup", SYS_vhangup, UNPROVABLE, { 0 } },
                { "nfsservctl", SYS_nfsservctl, UNPROVABLE, { 0 } },
                { "uselib", SYS_uselib, UNPROVABLE, { ADDR("/") } },
                { "listns", 470, UNPROVABLE, { 0, 0, 0, 0 } },
                { "file_setattr", 469, UNPROVABLE, { -1, 0, 0, 0, 0 } },
                { "a call of the future", 600, UNPROVABLE, { 0 } },
                { NULL, 0, PROVABLE, { 0 } },
        };
        (void)f;

        expect_calls_denied(r, calls);
}

static void check_keys(struct report *r, const struct facts *f)
{
        const struct call calls[] = {
                /* KEYCTL_GET_KEYRING_ID of @s, @u, @us; KEYCTL_SEARCH */
                { "keyctl(session keyring)", SYS_keyctl, PROVABLE, { 0, -3, 0 } },
                { "keyctl(user keyring)", SYS_keyctl, PROVABLE, { 0, -4, 0 } },
                { "keyctl(user session keyring)", SYS_keyctl, PROVABLE, { 0, -5, 0 } },
                { "keyctl(search)",
                  SYS_keyctl,
                  PROVABLE,
                  { 10, -3, ADDR("user"), ADDR("kelp-none"), 0 } },
                { "keyctl with high bits", SYS_keyctl, PROVABLE, { 1L << 32, -3, 0 } },
                { "add_key",
                  SYS_add_key,
                  PROVABLE,
                  { ADDR("user"), ADDR("kelp-probe"), ADDR("x"), 1, -2 } },
                { "request_key",
                  SYS_request_key,
                  PROVABLE,
                  { ADDR("user"), ADDR("kelp-none"), 0, -2 } },
                { NULL, 0, PROVABLE, { 0 } },
        };
        (void)f;

        expect_calls_denied(r, calls);
}

static void check_personality(struct report *r, const struct facts *f)
{
        const struct call calls[] = {
                { "ADDR_NO_RANDOMIZE", SYS_personality, PROVABLE, { ADDR_NO_RANDOMIZE } },
                { "READ_IMPLIES_EXEC", SYS_personality, PROVABLE, { READ_IMPLIES_EXEC } },
                { "MMAP_PAGE_ZERO", SYS_personality, PROVABLE, { MMAP_PAGE_ZERO } },
                { NULL, 0, PROVABLE, { 0 } },
        };
        (void)f;

        expect_calls_denied(r, calls);
}

static long set_clock(void *arg)
{
        struct timespec now;
        (void)arg;

        clock_gettime(CLOCK_REALTIME, &now);
        return clock_settime(CLOCK_REALTIME, &now);
}

static long adjust_clock(void *arg)
{
        struct timex t = { .modes = ADJ_TICK, .tick = 10000 };
        (void)arg;

        return adjtimex(&t);
}

static long set_hostname(void *arg)
{
        (void)arg;
        return sethostname("probe", 5);
}

static long realtime(void *arg)
{
        struct sched_param p = { .sched_priority = 1 };
        (void)arg;

        return sched_setscheduler(0, SCHED_FIFO, &p);
}

static void check_machine(struct report *r, const struct facts *f)
{
        (void)f;
        expect_denied(r, UNPROVABLE, "clock_settime", set_clock, NULL);
        expect_denied(r, UNPROVABLE, "adjtimex", adjust_clock, NULL);
        expect_denied(r, UNPROVABLE, "sched_setscheduler(SCHED_FIFO)", realtime, NULL);
        expect_denied(r, PROVABLE, "sethostname", set_hostname, NULL);
}

#ifdef __x86_64__
static long call_i386(void *arg)
{
        long ret;
        (void)arg;

        /* getpid of the 32-bit table */
        __asm__ volatile("int $0x80" : "=a"(ret) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
        if (ret < 0) {
                errno = (int)-ret;
                return -1;
        }
        return ret;
}

static void check_abi(struct report *r, const struct facts *f)
{
        const struct call x32[] = {
                { "x32 getpid", 0x40000000L | SYS_getpid, UNPROVABLE, { 0 } },
                { "x32 ptrace", 0x40000000L | 521, UNPROVABLE, { 0 } },
                { "a negative number", -2, UNPROVABLE, { 0 } },
                { NULL, 0, PROVABLE, { 0 } },
        };
        struct outcome o = attempt(call_i386, NULL);
        (void)f;

        /* a kernel without IA32 emulation gives SIGSEGV, with or without a filter */
        report_item(r, !is_denied(&o) && o.sig != SIGSEGV, o.sig == SIGSEGV ? UNPROVABLE : PROVABLE,
                    "int $0x80 (%s)", outcome_text(&o));
        expect_calls_denied(r, x32);
}
#else
static void check_abi(struct report *r, const struct facts *f)
{
        (void)f;
        report_item(r, false, UNPROVABLE, "this machine has one ABI");
}
#endif

/* What an ordinary program needs must work: a filter that refuses everything would pass the rest. */
static void check_works(struct report *r, const struct facts *f)
{
        static char buf[4096];
        int fds[2];
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int fd = (int)syscall(SYS_memfd_create, "probe", 0);
        (void)f;

        report_item(r, p == MAP_FAILED, UNPROVABLE, "mmap works");
        report_item(r, mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0, UNPROVABLE, "mprotect works");
        report_item(r, pipe2(fds, O_CLOEXEC) < 0, UNPROVABLE, "pipe2 works");
        report_item(r, fd < 0, UNPROVABLE, "memfd_create works");
        report_item(r, syscall(SYS_getrandom, buf, 16, 0) != 16, UNPROVABLE, "getrandom works");
        report_item(r, syscall(SYS_pidfd_open, getpid(), 0) < 0, UNPROVABLE, "pidfd_open works");
        report_item(r, syscall(SYS_openat2, AT_FDCWD, "/", (uint64_t[3]){ O_PATH, 0, 0 }, 24) < 0,
                    UNPROVABLE, "openat2 works");
        report_item(r, prctl(PR_SET_NAME, "probe", 0, 0, 0) < 0, UNPROVABLE, "prctl works");
        report_item(r, getcwd(buf, sizeof(buf)) == NULL || buf[0] != '/', UNPROVABLE,
                    "getcwd says '%s'", buf);
        close(fd);
}

const struct check checks_calls[] = {
        { "calls", "host", NULL, check_calls },
        { "keys", "host", NULL, check_keys },
        { "personality", "host", NULL, check_personality },
        { "machine", "userns", NULL, check_machine },
        { "abi", "host", NULL, check_abi },
        { "works", "none", NULL, check_works },
        { NULL, NULL, NULL, NULL },
};
