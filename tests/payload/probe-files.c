#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Files: what must not be written, and paths that must not lead out. */

/* One file for each way to change it; planted on the host, attacked from inside. */
static const char *const victims[] = {
        "open", "truncate", "chmod",  "chown",   "utime", "xattr",
        "link", "unlink",   "rename", "symlink", "mmap",  "exchange"
};
#define N_VICTIMS (sizeof(victims) / sizeof(victims[0]))

int plant_victims(const char *dir)
{
        if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
                perror(dir);
                return 2;
        }
        for (size_t i = 0; i < N_VICTIMS; i++) {
                char path[4096];

                snprintf(path, sizeof(path), "%s/%s", dir, victims[i]);
                FILE *f = fopen(path, "we");
                if (!f || fprintf(f, "victim\n") < 0 || fclose(f) != 0) {
                        perror(path);
                        return 2;
                }
        }
        return 0;
}

static long by_open(void *arg)
{
        return open(arg, O_WRONLY | O_CLOEXEC);
}

static long by_append(void *arg)
{
        return open(arg, O_RDWR | O_APPEND | O_CLOEXEC);
}

static long by_truncate(void *arg)
{
        return truncate(arg, 0);
}

static long by_chmod(void *arg)
{
        return chmod(arg, 0600);
}

/* A success of --fake-root leaves the time of change alone. */
static long by_chown(void *arg)
{
        struct stat before;
        struct stat after;

        if (stat(arg, &before) < 0 || chown(arg, getuid(), getgid()) < 0 || stat(arg, &after) < 0)
                return -1;
        if (memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)) != 0)
                return 0;
        errno = EPERM;
        return -1;
}

static long by_utime(void *arg)
{
        return utimensat(AT_FDCWD, arg, NULL, 0);
}

static long by_xattr(void *arg)
{
        return setxattr(arg, "user.kelp", "x", 1, 0);
}

static long by_link(void *arg)
{
        char to[4096];

        snprintf(to, sizeof(to), "%s-linked", (const char *)arg);
        return link(arg, to);
}

static long by_unlink(void *arg)
{
        return unlink(arg);
}

static long by_rename(void *arg)
{
        char to[4096];

        snprintf(to, sizeof(to), "%s-renamed", (const char *)arg);
        return rename(arg, to);
}

static long by_symlink(void *arg)
{
        char to[4096];

        snprintf(to, sizeof(to), "%s-symlink", (const char *)arg);
        return symlink("/", to);
}

static long by_mmap(void *arg)
{
        int fd = open(arg, O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -1;
        char *p = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                return -1;
        *p = 'X';
        return 0;
}

static long by_exchange(void *arg)
{
        char other[4096];

        snprintf(other, sizeof(other), "%s-other", (const char *)arg);
        if (mkdir(other, 0755) < 0)
                return -1;
        return renameat2(AT_FDCWD, arg, AT_FDCWD, other, RENAME_EXCHANGE);
}

static long by_tmpfile(void *arg)
{
        return open(arg, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static long by_create(void *arg)
{
        char to[4096];

        snprintf(to, sizeof(to), "%s/new", (const char *)arg);
        return open(to, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
}

static long by_mkdir(void *arg)
{
        char to[4096];

        snprintf(to, sizeof(to), "%s/newdir", (const char *)arg);
        return mkdir(to, 0755);
}

static long by_fchmod_dir(void *arg)
{
        return chmod(arg, 0700);
}

/* A file of the user's that is shown read-only: dir=PATH, planted by "probe plant". */
static void check_readonly(struct report *r, const struct facts *f)
{
        static attempt_fn *const ways[N_VICTIMS] = {
                by_open, by_truncate, by_chmod,  by_chown,   by_utime, by_xattr,
                by_link, by_unlink,   by_rename, by_symlink, by_mmap,  by_exchange
        };
        const char *dir = fact(f, "dir");
        char path[4096];

        for (size_t i = 0; i < N_VICTIMS; i++) {
                struct stat st;

                snprintf(path, sizeof(path), "%s/%s", dir, victims[i]);
                if (stat(path, &st) < 0) {
                        report_item(r, true, PROVABLE, "'%s' is not there to be attacked", path);
                        continue;
                }
                expect_fails(r, strcmp(victims[i], "xattr") ? PROVABLE : UNPROVABLE, path, ways[i],
                             path);
        }
        snprintf(path, sizeof(path), "%s", dir);
        expect_fails(r, UNPROVABLE, "O_TMPFILE", by_tmpfile, path);
        expect_fails(r, PROVABLE, "create", by_create, path);
        expect_fails(r, PROVABLE, "mkdir", by_mkdir, path);
        expect_fails(r, PROVABLE, "chmod of the directory", by_fchmod_dir, path);
}

static void check_one_readonly(const char *path, void *arg)
{
        struct report *r = arg;
        char copy[4096];
        struct stat st;

        snprintf(copy, sizeof(copy), "%s", path);
        if (stat(path, &st) < 0)
                return;
        if (S_ISDIR(st.st_mode)) {
                expect_fails(r, UNPROVABLE, path, by_create, copy);
                expect_fails(r, UNPROVABLE, path, by_tmpfile, copy);
        } else {
                expect_fails(r, UNPROVABLE, path, by_open, copy);
                expect_fails(r, UNPROVABLE, path, by_append, copy);
        }
        expect_fails(r, UNPROVABLE, path, by_utime, copy);
}

/* readonly=PATH,PATH: of the system, so a plain user cannot write them either */
static void check_readonly_system(struct report *r, const struct facts *f)
{
        list_each(fact(f, "readonly"), check_one_readonly, r);
}

/* canary=PATH: a host file that must not exist inside, by whatever way it is asked for */
static void check_canary(const char *path, void *arg)
{
        static const char *const ways[] = {
                "",
                "/..",
                "/../../../../../../..",
                "/proc/self/root",
                "/proc/self/root/..",
                "/proc/self/cwd/../../../../../../../..",
                "/proc/1/root",
                "/proc/1/cwd",
                "/proc/self/task/../root",
                "/dev/fd/../root",
        };
        struct report *r = arg;

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                char full[8192];
                struct stat st;
                bool is_other = strstr(ways[i], "/1/") || strstr(ways[i], "task") ||
                                strstr(ways[i], "/dev/fd");

                snprintf(full, sizeof(full), "%s%s", ways[i], path);
                bool is_open = lstat(full, &st) == 0;
                report_item(r, is_open, is_other ? UNPROVABLE : PROVABLE, "%s (%s)", full,
                            is_open ? "is there" : strerrorname_np(errno));
        }
}

static void check_canaries(struct report *r, const struct facts *f)
{
        list_each(fact(f, "canary"), check_canary, r);
}

/* symlink=PATH: a link in the current directory that leads to a canary */
static void check_one_symlink(const char *path, void *arg)
{
        char text[64];
        bool is_open = read_text(path, text, sizeof(text)) > 0 && strstr(text, "CANARY");

        report_item(arg, is_open, PROVABLE, "reading through the symlink '%s'", path);
}

static void check_symlinks(struct report *r, const struct facts *f)
{
        list_each(fact(f, "symlink"), check_one_symlink, r);
}

static long link_here(void *arg)
{
        char to[64];

        snprintf(to, sizeof(to), "hardlink-%d", getpid());
        if (link(arg, to) < 0)
                return -1;
        unlink(to);
        return 0;
}

/* outside=PATH: shown read-only, owned by the user; a second name for it here would be writable */
static void check_hardlink(struct report *r, const struct facts *f)
{
        expect_fails(r, PROVABLE, fact(f, "outside"), link_here,
                     (void *)(size_t)fact(f, "outside"));
}

struct walk {
        struct report *r;
        unsigned n_seen;
        unsigned n_open;
        int depth;
        const char *skip;
        char first[4096];
};

/* Opens for writing, and writes nothing. */
static void try_write(const char *dir, const char *name, void *arg)
{
        struct walk *w = arg;
        char path[4096];
        struct stat st;

        if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path) ||
            lstat(path, &st) < 0)
                return;
        if (w->skip && strncmp(path, w->skip, strlen(w->skip)) == 0)
                return;
        if (S_ISDIR(st.st_mode) && w->depth < 40) {
                w->depth++;
                dir_each(path, try_write, w);
                w->depth--;
        }
        if (!S_ISREG(st.st_mode))
                return;
        w->n_seen++;
        int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return;
        close(fd);
        if (w->n_open++ == 0)
                snprintf(w->first, sizeof(w->first), "%s", path);
}

static void check_kernel_files(struct report *r, const struct facts *f)
{
        static const struct {
                const char *dir;
                enum proof proof;
        } dirs[] = { { "/proc/sys", PROVABLE },   { "/sys", UNPROVABLE },
                     { "/proc/irq", UNPROVABLE }, { "/proc/bus", UNPROVABLE },
                     { "/proc/fs", UNPROVABLE },  { "/proc/acpi", UNPROVABLE } };
        (void)f;

        for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
                struct walk w = { .r = r };

                dir_each(dirs[i].dir, try_write, &w);
                report_item(r, w.n_open, dirs[i].proof, "%u of %u files below %s are writable %s",
                            w.n_open, w.n_seen, dirs[i].dir, w.first);
        }
        expect_fails(r, UNPROVABLE, "/proc/sysrq-trigger", by_open,
                     (void *)(size_t) "/proc/sysrq-trigger");
}

const struct check checks_files[] = {
        { "readonly", "planted", "dir", check_readonly },
        { "readonly-system", "none", "readonly", check_readonly_system },
        { "canary", "planted", "canary", check_canaries },
        { "symlink", "planted", "symlink", check_symlinks },
        { "hardlink", "planted", "outside", check_hardlink },
        { "kernel-files", "userns", NULL, check_kernel_files },
        { NULL, NULL, NULL, NULL },
};
