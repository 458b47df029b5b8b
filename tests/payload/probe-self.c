#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
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
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process itself is: ids, capabilities, flags, limits, inherited state. */

/* An id outside of every map of the tests. */
#define STRANGER 4242424

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
        report_item(r, setuid(STRANGER) == 0 && getuid() == STRANGER, UNPROVABLE,
                    "setuid to an id outside the map");
        report_item(r, setgid(STRANGER) == 0 && getgid() == STRANGER, UNPROVABLE,
                    "setgid to an id outside the map");
}

/* What a call says is as wanted, and it was not done. */
static void expect_fake(struct report *r, bool is_wanted, const char *what, int said, bool is_done)
{
        report_item(r, (said == 0) != is_wanted || is_done, UNPROVABLE, "%s says %d and is %s",
                    what, said, is_done ? "done" : "not done");
}

static bool has_owner(const char *path, uid_t owner)
{
        struct stat st;

        return lstat(path, &st) == 0 && (st.st_uid == owner || st.st_gid == owner);
}

static bool is_there(const char *path, mode_t kind)
{
        struct stat st;
        bool is_kind = lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;

        unlink(path);
        return is_kind;
}

static void check_fake_files(struct report *r, bool is_wanted)
{
        char file[32];
        char node[32];

        snprintf(file, sizeof(file), "fake-%d", getpid());
        snprintf(node, sizeof(node), "node-%d", getpid());
        int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        int said = chown(file, STRANGER, STRANGER);
        expect_fake(r, is_wanted, "chown", said, has_owner(file, STRANGER));
        said = lchown(file, STRANGER, (gid_t)-1);
        expect_fake(r, is_wanted, "lchown", said, has_owner(file, STRANGER));
        said = fchown(fd, (uid_t)-1, STRANGER);
        expect_fake(r, is_wanted, "fchown", said, has_owner(file, STRANGER));
        said = fchownat(AT_FDCWD, file, STRANGER, STRANGER, AT_SYMLINK_NOFOLLOW);
        expect_fake(r, is_wanted, "fchownat", said, has_owner(file, STRANGER));
        said = mknod(node, S_IFCHR | 0600, makedev(1, 3));
        expect_fake(r, is_wanted, "mknod of a character device", said, is_there(node, S_IFCHR));
        said = mknod(node, S_IFBLK | 0600, makedev(8, 0));
        expect_fake(r, is_wanted, "mknod of a block device", said, is_there(node, S_IFBLK));
        said = mknod(node, S_IFIFO | 0600, 0);
        report_item(r, said != 0 || !is_there(node, S_IFIFO), UNPROVABLE, "a fifo is made");
        said = mknod(node, S_IFREG | 0600, 0);
        report_item(r, said != 0 || !is_there(node, S_IFREG), UNPROVABLE, "a file is made");
        close(fd);
        unlink(file);
}

/* fake=yes: calls that need another id say that they worked; fake=no: they fail.  Never are they done. */
static void check_fake_root(struct report *r, const struct facts *f)
{
        bool is_wanted = strcmp(fact(f, "fake"), "yes") == 0;
        int said = setresuid(STRANGER, STRANGER, STRANGER);

        expect_fake(r, is_wanted, "setresuid", said, getuid() == STRANGER);
        said = setreuid(STRANGER, STRANGER);
        expect_fake(r, is_wanted, "setreuid", said, getuid() == STRANGER);
        said = setuid(STRANGER);
        expect_fake(r, is_wanted, "setuid", said, getuid() == STRANGER);
        said = setresgid(STRANGER, STRANGER, STRANGER);
        expect_fake(r, is_wanted, "setresgid", said, getgid() == STRANGER);
        said = setregid(STRANGER, STRANGER);
        expect_fake(r, is_wanted, "setregid", said, getgid() == STRANGER);
        said = setgid(STRANGER);
        expect_fake(r, is_wanted, "setgid", said, getgid() == STRANGER);
        said = setgroups(1, &(gid_t){ STRANGER });
        expect_fake(r, is_wanted, "setgroups", said, false);
        check_fake_files(r, is_wanted);
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
        { "fake-root", "none", "fake", check_fake_root },
        { NULL, NULL, NULL, NULL },
};
