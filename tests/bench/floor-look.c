/* What a launch has to look at, of the host and of itself: see floor.c. */

#include "floor.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Toolchains that would be shared if they were there, below the home. */
static const char *const toolchains[] = {
        ".cargo/bin", ".rustup",      ".go/bin",    ".local/go/bin", ".nvm",        ".fnm",
        ".volta/bin", ".volta/tools", ".bun/bin",   ".deno/bin",     ".pyenv",      ".rbenv",
        ".sdkman",    ".ghcup/bin",   ".local/bin", ".local/fnm",    ".local/mise", ".asdf",
};

/* What would be protected in the current directory. */
static const char *const protected[] = {
        ".git",          ".gitmodules", ".husky",       ".envrc",   ".idea",
        ".vscode",       ".mcp.json",   ".claude",      ".npmrc",   ".bashrc",
        ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc",
        ".zshenv",       ".zprofile",   ".zlogin",      ".zlogout",
};

static int look_for(int dir, const char *path, unsigned long long resolve)
{
        struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = resolve };

        return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* A source is opened, and told from what may lie at its name later. */
static void judge(const char *path)
{
        struct stat st;
        int fd = look_for(AT_FDCWD, path, RESOLVE_NO_SYMLINKS);

        if (fd < 0)
                return;
        must(path, fstat(fd, &st));
        close(fd);
}

static void read_table(const char *path)
{
        char text[4096];
        int fd = (int)must(path, open(path, O_RDONLY | O_CLOEXEC));

        while (must(path, read(fd, text, sizeof(text))) > 0)
                ;
        close(fd);
}

/* A directory that may be written to must not hold a socket or a fifo that leads out. */
static void list(int dir)
{
        char entries[32768];
        struct statfs fs;
        int fd = (int)must(".", openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

        must(".", fstatfs(fd, &fs));
        while (must(".", syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
                ;
        close(fd);
}

static void look_at_view(int cwd)
{
        const char *home = getenv("HOME");
        char path[4096];

        judge("/tmp");
        judge("/var/tmp");
        for (size_t i = 0; i < COUNT(toolchains); i++) {
                snprintf(path, sizeof(path), "%s/%s", home ? home : "", toolchains[i]);
                judge(path);
        }
        judge("/etc/hostname");
        judge("/etc/hosts");
        read_table("/etc/hosts");
        for (size_t i = 0; i < COUNT(protected); i++) {
                int fd = look_for(cwd, protected[i], RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

                if (fd >= 0)
                        close(fd);
        }
        list(cwd);
        read_table("/proc/net/unix");
        read_table("/proc/self/mountinfo");
}

void look_at_host(const struct floor_plan *p, int cwd)
{
        read_table("/etc/passwd");
        if (!p->lower)
                look_at_view(cwd);
        look_at_namespaces();
}

void look_at_mounts(void)
{
        read_table("/proc/self/mountinfo");
        read_table("/proc/self/status");
}

void look_at_namespaces(void)
{
        static const char *const names[] = { "ns/mnt", "ns/pid", "ns/net",
                                             "ns/ipc", "ns/uts", "ns/cgroup" };
        int self = (int)must("/proc/self", open("/proc/self", O_PATH | O_CLOEXEC));
        struct stat st;

        for (size_t i = 0; i < COUNT(names); i++)
                must(names[i], fstatat(self, names[i], &st, 0));
        close(self);
}
