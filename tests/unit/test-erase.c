/* Trees that a payload has shaped, and one that changes while it is removed. */

#include "erase.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* ------ a directory that becomes a symlink between two calls ------ */

static struct {
        const char *name; /* when opening it was tried; NULL: nothing changes */
        int dir;
        bool is_done;
} swap;

static int real_openat(int dir, const char *name, int flags, mode_t mode)
{
        return (int)syscall(SYS_openat, dir, name, flags, mode);
}

/* Stands in for the C library's, by whichever name that is called. */
static int open_and_swap(int dir, const char *name, int flags, mode_t mode)
{
        int fd = real_openat(dir, name, flags, mode);
        int why = errno;

        if (swap.name && !swap.is_done && strcmp(name, swap.name) == 0) {
                swap.is_done = true;
                assert_int_equal(renameat(swap.dir, name, swap.dir, "aside"), 0);
                assert_int_equal(symlinkat("../victim", swap.dir, name), 0);
        }
        errno = why;
        return fd;
}

int hooked_openat(int dir, const char *name, int flags, mode_t mode) __asm__("openat");
int hooked_openat64(int dir, const char *name, int flags, mode_t mode) __asm__("openat64");

int hooked_openat(int dir, const char *name, int flags, mode_t mode)
{
        return open_and_swap(dir, name, flags, mode);
}

int hooked_openat64(int dir, const char *name, int flags, mode_t mode)
{
        return open_and_swap(dir, name, flags, mode);
}

/* ------ places ------ */

struct place {
        char path[64];
        int dir;
};

static int setup(void **state)
{
        struct place *p = calloc(1, sizeof(*p));

        strcpy(p->path, "/tmp/kelp-erase.XXXXXX");
        assert_non_null(mkdtemp(p->path));
        p->dir = real_openat(AT_FDCWD, p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        assert_true(p->dir >= 0);
        *state = p;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path);
}

static int teardown(void **state)
{
        struct place *p = *state;

        swap.name = NULL;
        /* what a failed test left closed stays */
        nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        close(p->dir);
        free(p);
        return 0;
}

static void make_file(int dir, const char *name)
{
        int fd = real_openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        close(fd);
}

static mode_t mode_of(const struct place *p, const char *name)
{
        struct stat st;

        assert_int_equal(fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        return st.st_mode & 07777;
}

static bool is_there(const struct place *p, const char *name)
{
        return faccessat(p->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void erased(const struct place *p, const char *name)
{
        struct err e = { 0 };

        if (erase_tree(p->dir, name, &e) < 0)
                fail_msg("'%s' stays: %s", name, e.text);
        assert_false(is_there(p, name));
}

static void files_and_absence(void **state)
{
        const struct place *p = *state;

        make_file(p->dir, "file");
        erased(p, "file");
        erased(p, "file");
}

/* Each mode that its owner cannot get in with, or cannot read or write. */
static void closed_directories(void **state)
{
        const struct place *p = *state;

        for (mode_t mode = 0; mode <= 0700; mode += 0100) {
                assert_int_equal(mkdirat(p->dir, "tree", 0700), 0);
                assert_int_equal(mkdirat(p->dir, "tree/in", 0700), 0);
                make_file(p->dir, "tree/in/file");
                assert_int_equal(fchmodat(p->dir, "tree/in", mode, 0), 0);
                assert_int_equal(fchmodat(p->dir, "tree", mode, 0), 0);
                erased(p, "tree");
        }
}

/* Deeper than there are descriptors or a path can be, and with names that moving it would take. */
static void deep(void **state)
{
        const struct place *p = *state;
        char part[256];

        memset(part, 'd', 200);
        part[200] = '\0';
        assert_int_equal(mkdirat(p->dir, "tree", 0700), 0);
        assert_int_equal(mkdirat(p->dir, "tree/moved.0", 0700), 0);
        make_file(p->dir, "tree/moved.1");
        int at = real_openat(p->dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        for (int i = 0; i < 1200; i++) {
                assert_int_equal(mkdirat(at, part, 0700), 0);
                int next = real_openat(at, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
                assert_true(next >= 0);
                close(at);
                at = next;
        }
        make_file(at, "file");
        close(at);
        erased(p, "tree");
}

static void symlinks(void **state)
{
        const struct place *p = *state;

        assert_int_equal(mkdirat(p->dir, "victim", 0750), 0);
        make_file(p->dir, "victim/file");
        assert_int_equal(mkdirat(p->dir, "tree", 0700), 0);
        assert_int_equal(symlinkat("../victim", p->dir, "tree/link"), 0);
        assert_int_equal(symlinkat("../victim/file", p->dir, "tree/file"), 0);
        erased(p, "tree");
        assert_int_equal(symlinkat("victim", p->dir, "tree"), 0);
        erased(p, "tree");
        assert_true(is_there(p, "victim/file"));
        assert_int_equal(mode_of(p, "victim"), 0750);
}

/* What takes the place of a directory whose mode is about to be changed is not what gets the mode. */
static void swapped_for_symlink(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        if (geteuid() == 0) {
                print_message("the machine lacks a user who is not root\n");
                skip();
        }
        assert_int_equal(mkdirat(p->dir, "victim", 0500), 0);
        assert_int_equal(mkdirat(p->dir, "tree", 0700), 0);
        assert_int_equal(mkdirat(p->dir, "tree/closed", 0), 0);
        swap.dir = real_openat(p->dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        swap.name = "closed";
        swap.is_done = false;
        assert_true(erase_tree(p->dir, "tree", &e) < 0);
        assert_true(swap.is_done);
        assert_int_equal(mode_of(p, "victim"), 0500);
        /* nothing changes any more, and so it goes, with the link */
        swap.name = NULL;
        close(swap.dir);
        erased(p, "tree");
        assert_int_equal(mode_of(p, "victim"), 0500);
}

/* The same, when it could be read: what was opened is what is read. */
static void swapped_when_open(void **state)
{
        const struct place *p = *state;
        struct err e = { 0 };

        assert_int_equal(mkdirat(p->dir, "victim", 0755), 0);
        make_file(p->dir, "victim/file");
        assert_int_equal(mkdirat(p->dir, "tree", 0700), 0);
        assert_int_equal(mkdirat(p->dir, "tree/open", 0755), 0);
        swap.dir = real_openat(p->dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        swap.name = "open";
        swap.is_done = false;
        /* what is there by now is no directory */
        assert_true(erase_tree(p->dir, "tree", &e) < 0);
        assert_true(swap.is_done);
        close(swap.dir);
        assert_true(is_there(p, "victim/file"));
        assert_int_equal(mode_of(p, "victim"), 0755);
        assert_int_equal(mode_of(p, "tree/aside"), 0700);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(files_and_absence), T(closed_directories),  T(deep),
                T(symlinks),          T(swapped_for_symlink), T(swapped_when_open),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
