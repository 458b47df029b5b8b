#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that run later, outside: they must keep their content and their place. */

static long append_to(void *arg)
{
        int fd = open(arg, O_WRONLY | O_APPEND | O_CLOEXEC);

        return fd < 0 ? -1 : write(fd, "#probe\n", 7);
}

static long remove_it(void *arg)
{
        return remove(arg);
}

static long chmod_it(void *arg)
{
        return chmod(arg, 0777);
}

static long replace_it(void *arg)
{
        char from[4096];

        snprintf(from, sizeof(from), "replacement-%d", getpid());
        int fd = open(from, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
        if (fd < 0)
                return -1;
        close(fd);
        if (rename(from, arg) == 0)
                return 0;
        int err = errno;
        unlink(from);
        errno = err;
        return -1;
}

static long exchange_it(void *arg)
{
        char from[4096];
        const char *path = arg;
        struct stat st;

        snprintf(from, sizeof(from), "exchange-%d", getpid());
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                if (mkdir(from, 0755) < 0)
                        return -1;
        } else {
                int fd = open(from, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);

                if (fd < 0)
                        return -1;
                close(fd);
        }
        if (renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
                return 0;
        int err = errno;
        remove(from);
        errno = err;
        return -1;
}

static long move_away(void *arg)
{
        char to[4096];

        snprintf(to, sizeof(to), "moved-%d", getpid());
        if (rename(arg, to) < 0)
                return -1;
        return rename(to, arg); /* back, for the attacks that follow */
}

static long create_in(void *arg)
{
        char path[4096];

        snprintf(path, sizeof(path), "%s/probe-new", (const char *)arg);
        int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
        return fd;
}

static void attack(struct report *r, const char *path, const char *how, attempt_fn *fn)
{
        char what[4200];

        snprintf(what, sizeof(what), "%s '%s'", how, path);
        expect_fails(r, PROVABLE, what, fn, (void *)(size_t)path);
}

static void check_one_protected(const char *path, void *arg)
{
        struct report *r = arg;
        struct stat st;

        if (lstat(path, &st) < 0) {
                report_item(r, true, PROVABLE, "'%s' is not there to be attacked", path);
                return;
        }
        attack(r, path, "chmod", chmod_it);
        attack(r, path, S_ISDIR(st.st_mode) ? "create in" : "append to",
               S_ISDIR(st.st_mode) ? create_in : append_to);
        attack(r, path, "exchange", exchange_it);
        attack(r, path, "move", move_away);
        if (!S_ISDIR(st.st_mode)) {
                attack(r, path, "replace", replace_it);
                attack(r, path, "remove", remove_it);
        }
}

/* protected=PATH: below the current directory, each must be read-only and stay where it is */
static void check_protected(struct report *r, const struct facts *f)
{
        list_each(fact(f, "protected"), check_one_protected, r);
}

static void check_one_pinned(const char *path, void *arg)
{
        attack(arg, path, "move", move_away);
        attack(arg, path, "exchange", exchange_it);
}

/* pinned=PATH: ancestors of protected names */
static void check_pinned(struct report *r, const struct facts *f)
{
        list_each(fact(f, "pinned"), check_one_pinned, r);
}

const struct check checks_reach[] = {
        { "protected", "planted", "protected", check_protected },
        { "pinned", "planted", "pinned", check_pinned },
        { NULL, NULL, NULL, NULL },
};
