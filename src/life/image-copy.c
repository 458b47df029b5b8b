#include "image-copy.h"

#include "fd.h"
#include "helper-find.h"
#include "image-helper.h"
#include "io.h"
#include "mem.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The helper runs as root of the one id that the sandbox has: an image has files that even their
 * owner may not read.  It writes the map itself, right before it is executed.
 */
static int become_root(void *arg, struct err *e)
{
        const struct plan *p = arg;
        char map[40];

        if (unshare(CLONE_NEWUSER) < 0)
                return err_sys(e, "cannot create a user namespace");
        if (io_write_file(AT_FDCWD, "/proc/self/setgroups", "deny", e) < 0)
                return -e->code;
        snprintf(map, sizeof(map), "0 %u 1\n", p->ids.outer_gid);
        if (io_write_file(AT_FDCWD, "/proc/self/gid_map", map, e) < 0)
                return -e->code;
        snprintf(map, sizeof(map), "0 %u 1\n", p->ids.outer_uid);
        return io_write_file(AT_FDCWD, "/proc/self/uid_map", map, e);
}

static int make_arguments(struct arena *a, const struct plan *p, const char ***ret, struct err *e)
{
        const struct plan_image *image = &p->image;
        const char **argv = arena_alloc(a, (image->n_layers + 8) * sizeof(*argv), e);
        size_t n = 0;

        if (!argv)
                return -e->code;
        argv[n++] = "kelp-image";
        argv[n++] = "--store";
        argv[n++] = image->home_store;
        argv[n++] = "flatten";
        if (image->directory) {
                argv[n++] = "--directory";
                argv[n++] = image->directory;
        } else {
                for (size_t i = 0; i < image->n_layers; i++)
                        argv[n++] = image->layers[i];
        }
        argv[n] = NULL;
        *ret = argv;
        return 0;
}

static int start_helper(const struct plan *p, int sock, int said, struct child *ret, struct err *e)
{
        struct arena arena = { 0 };
        struct proc_spec spec = {
                .path = helper_find(&arena, "kelp-image", e),
                .stdin_fd = sock,
                .stdout_fd = -1,
                .stderr_fd = said,
                .prepare = become_root,
                .prepare_arg = (void *)p,
        };
        const char **argv = NULL;
        int r = spec.path ? make_arguments(&arena, p, &argv, e) : -e->code;

        if (r == 0) {
                spec.argv = argv;
                r = proc_start(&spec, ret, e);
        }
        arena_done(&arena);
        return r;
}

/* The end of the conversation is a failure, which the helper has told. */
static int helper_failed(struct run_copy *copy, struct err *e)
{
        int status = 0;

        if (proc_wait(&copy->helper, &status, e) < 0 ||
            image_helper_judge(copy->said, status, e) < 0)
                return -e->code;
        return err_set(e, EPROTO, "kelp-image has made no copy");
}

static int receive(struct run_copy *copy, struct err *e)
{
        char path[PATH_MAX];
        size_t n_fds = 0;
        ssize_t n = io_receive(copy->sock, path, sizeof(path) - 1, &copy->session, 1, &n_fds, e);

        if (n < 0)
                return -e->code;
        if (n == 0)
                return helper_failed(copy, e);
        path[n] = '\0';
        if (n_fds != 1 || !path_is_clean(path))
                return err_set(e, EPROTO, "kelp-image sent nonsense");
        copy->path = strdup(path);
        if (!copy->path)
                return err_set(e, ENOMEM, "out of memory");
        copy->root = openat(copy->session, path_base(path),
                            O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return copy->root < 0 ? err_sys(e, "cannot open the copy of the image's files") : 0;
}

int run_copy_make(const struct plan *p, struct run_copy *ret, struct err *e)
{
        autofd theirs = -1;

        if (!p->image.home_store)
                return err_set(e, ENOENT, "there is no image store for a copy of the image");
        ret->said = memfd_create("kelp-image", MFD_CLOEXEC);
        if (ret->said < 0)
                return err_sys(e, "cannot make a file in memory");
        if (fd_socketpair(&ret->sock, &theirs, e) < 0 ||
            start_helper(p, theirs, ret->said, &ret->helper, e) < 0)
                return -e->code;
        fd_close(&theirs);
        return receive(ret, e);
}

int run_copy_bind(const struct image_copy *copy, int init, struct err *e)
{
        if (io_send(copy->keeper, "", 1, &init, 1, e) < 0)
                return err_prefix(e, "the helper that removes the copy of the image's files");
        return 0;
}

int run_copy_remove(struct run_copy *copy, struct err *e)
{
        int status = 0;
        int r = 0;

        fd_close(&copy->sock);
        fd_close(&copy->root);
        fd_close(&copy->session);
        if (copy->helper.pid > 0)
                r = proc_wait(&copy->helper, &status, e);
        if (r == 0 && status != 0)
                r = image_helper_judge(copy->said, status, e);
        fd_close(&copy->said);
        free(copy->path);
        copy->path = NULL;
        if (r < 0)
                err_hint(e, "what is left of it goes with `kelp prune`");
        return r;
}
