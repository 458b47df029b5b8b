#include "host-fake.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void full_path(const struct fake *f, const char *path, char *ret, size_t size)
{
        assert_true(snprintf(ret, size, "%s/%s", f->dir, path) < (int)size);
}

void fake_setup(struct fake *f)
{
        struct err e = { 0 };

        strcpy(f->dir, "/tmp/kelp-fake.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        assert_int_equal(host_view_open(&f->view, f->dir, &e), 0);
        f->view.uid = 1000;
        f->view.gid = 1000;
        strcpy(f->view.user, "anna");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path);
}

void fake_done(struct fake *f)
{
        host_view_done(&f->view);
        nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_parents(char *path)
{
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                mkdir(path, 0755);
                *slash = '/';
        }
}

void fake_file(struct fake *f, const char *path, const char *text)
{
        char full[300];

        full_path(f, path, full, sizeof(full));
        make_parents(full);
        FILE *file = fopen(full, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

void fake_mode(struct fake *f, const char *path, unsigned mode)
{
        char full[300];

        full_path(f, path, full, sizeof(full));
        assert_int_equal(chmod(full, mode), 0);
}

void fake_link(struct fake *f, const char *target, const char *path)
{
        char full[300];

        full_path(f, path, full, sizeof(full));
        make_parents(full);
        assert_int_equal(symlink(target, full), 0);
}
