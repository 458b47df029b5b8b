#include "probe.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process itself is: ids, capabilities, flags, limits, inherited state. */

static void check_map(struct report *r, const char *path, const char *want, const char *want_outer)
{
        char text[4096];
        unsigned long inner = 0;
        unsigned long outer = 0;
        unsigned long count = 0;

        if (read_text(path, text, sizeof(text)) < 0 ||
            sscanf(text, "%lu %lu %lu", &inner, &outer, &count) != 3) {
                report_item(r, true, PROVABLE, "%s cannot be read", path);
                return;
        }
        text[strcspn(text, "\n")] = '\0';
        report_item(r, count != 1 || inner != strtoul(want, NULL, 10), PROVABLE,
                    "%s begins with '%s', wanted %s", path, text, want);
        if (want_outer)
                report_item(r, outer != strtoul(want_outer, NULL, 10), PROVABLE,
                            "%s leads to %lu, wanted %s", path, outer, want_outer);
}

static unsigned long count_lines(const char *path)
{
        char text[4096];
        unsigned long n = 0;

        read_text(path, text, sizeof(text));
        for (const char *p = text; *p; p++)
                n += *p == '\n';
        return n;
}

/* maps=single|subids, uid and gid inside, outer_uid on the host */
static void check_maps(struct report *r, const struct facts *f)
{
        bool is_single = strcmp(fact(f, "maps"), "single") == 0;
        char text[64];

        check_map(r, "/proc/self/uid_map", fact(f, "uid"), fact(f, "outer_uid"));
        check_map(r, "/proc/self/gid_map", fact(f, "gid"), fact(f, "outer_gid"));
        if (!is_single) {
                report_item(r, count_lines("/proc/self/uid_map") < 2, PROVABLE,
                            "the uid map has the subordinate ids");
                return;
        }
        report_item(r, count_lines("/proc/self/uid_map") != 1, UNPROVABLE, "one line of uid_map");
        report_item(r, count_lines("/proc/self/gid_map") != 1, UNPROVABLE, "one line of gid_map");
        read_text("/proc/self/setgroups", text, sizeof(text));
        text[strcspn(text, "\n")] = '\0';
        report_item(r, strcmp(text, "deny") != 0, PROVABLE, "setgroups is '%s'", text);
}

static void check_cap_set(struct report *r, const char *name, unsigned long long want)
{
        unsigned long long got = strtoull(status_field(name), NULL, 16);

        report_item(r, got & ~want, PROVABLE, "%s is %llx, wanted %llx", name, got, want);
}

/* caps=HEX: the most that may be there */
static void check_caps(struct report *r, const struct facts *f)
{
        unsigned long want = fact_number(f, "caps", 16, 0);

        check_cap_set(r, "CapInh", 0);
        check_cap_set(r, "CapPrm", want);
        check_cap_set(r, "CapEff", want);
        check_cap_set(r, "CapBnd", want);
        check_cap_set(r, "CapAmb", 0);
}

static void check_flags(struct report *r, const struct facts *f)
{
        (void)f;
        report_item(r, strcmp(status_field("NoNewPrivs"), "1") != 0, PROVABLE, "no_new_privs");
        report_item(r, strcmp(status_field("Seccomp"), "2") != 0, PROVABLE, "a seccomp filter");
        report_item(r, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, UNPROVABLE,
                    "no_new_privs cannot be taken back");
}

/* caps=0: a payload without capabilities must never be given any for being root */
static void check_securebits(struct report *r, const struct facts *f)
{
        int bits = prctl(PR_GET_SECUREBITS);
        int want = SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

        if (fact_number(f, "caps", 16, 0) == 0)
                want |= SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
        report_item(r, bits < 0 || (bits & want) != want, PROVABLE, "securebits are %x, wanted %x",
                    (unsigned)bits, (unsigned)want);
}

/* After a parent that set everything to odd values. */
static void check_state(struct report *r, const struct facts *f)
{
        mode_t mask = umask(0);
        unsigned long want = fact_number(f, "umask", 8, 022);

        umask(mask);
        report_item(r, mask != want, PROVABLE, "umask is %o, wanted %lo", mask, want);
        report_item(r, strtoull(status_field("SigBlk"), NULL, 16) != 0, PROVABLE, "SigBlk is %s",
                    status_field("SigBlk"));
        report_item(r, strtoull(status_field("SigIgn"), NULL, 16) != 0, PROVABLE, "SigIgn is %s",
                    status_field("SigIgn"));
        report_item(r, personality(0xffffffff) != 0, UNPROVABLE, "personality is %x",
                    (unsigned)personality(0xffffffff));
}

static long abort_with_core(void *arg)
{
        struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
        int status = 0;
        (void)arg;

        pid_t pid = fork();
        if (pid < 0)
                return -1;
        if (pid == 0) {
                setrlimit(RLIMIT_CORE, &all);
                all.rlim_cur = 4096;
                setrlimit(RLIMIT_CORE, &all);
                signal(SIGABRT, SIG_DFL);
                abort();
        }
        if (waitpid(pid, &status, 0) < 0)
                return -1;
        if (WIFSIGNALED(status) && WCOREDUMP(status))
                return 0;
        errno = EPERM;
        return -1;
}

static void check_core(struct report *r, const struct facts *f)
{
        struct rlimit lim = { 0, 0 };
        (void)f;

        getrlimit(RLIMIT_CORE, &lim);
        report_item(r, lim.rlim_max > 1, PROVABLE, "the hard limit of RLIMIT_CORE is %llu",
                    (unsigned long long)lim.rlim_max);
        /* attempt() lowers the limit for its children, so this one has a child of its own */
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
                _exit(abort_with_core(NULL) == 0 ? 1 : 0);
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
                perror("probe: fork");
                exit(2);
        }
        report_item(r, status != 0, UNPROVABLE, "an abort dumps no core");
}

/* hostname=NAME */
static void check_hostname(struct report *r, const struct facts *f)
{
        struct utsname u;

        uname(&u);
        report_item(r, strcmp(u.nodename, fact(f, "hostname")) != 0, PROVABLE,
                    "the host name is '%s', wanted '%s'", u.nodename, fact(f, "hostname"));
}

static void check_ids(struct report *r, const struct facts *f)
{
        report_item(r, getuid() != fact_number(f, "uid", 10, ~0UL), UNPROVABLE, "uid %u", getuid());
        report_item(r, geteuid() != getuid(), UNPROVABLE, "euid %u", geteuid());
        report_item(r, getgid() != fact_number(f, "gid", 10, ~0UL), UNPROVABLE, "gid %u", getgid());
        /* both lie outside every map of the tests, or the call is refused altogether */
        report_item(r, setuid(4242424) == 0, UNPROVABLE, "setuid to an id outside the map");
        report_item(r, setgid(4242424) == 0, UNPROVABLE, "setgid to an id outside the map");
}

const struct check checks_self[] = {
        { "maps", "host", "maps,uid,gid", check_maps },
        { "caps", "userns", "caps", check_caps },
        { "flags", "host", NULL, check_flags },
        { "securebits", "host", "caps", check_securebits },
        { "state", "odd-parent", NULL, check_state },
        { "core", "host", NULL, check_core },
        { "hostname", "host", "hostname", check_hostname },
        { "ids", "none", "uid,gid", check_ids },
        { NULL, NULL, NULL, NULL },
};
