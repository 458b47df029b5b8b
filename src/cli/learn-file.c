#include "learn-file.h"

#include "fd.h"
#include "io.h"
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory_of(struct arena *a, const char *path, const char **ret_name,
                                struct err *e)
{
        const char *slash = strrchr(path, '/');

        *ret_name = slash ? slash + 1 : path;
        if (!slash)
                return ".";
        return slash == path ? "/" : arena_copy_n(a, path, (size_t)(slash - path), e);
}

static int read_old(struct arena *a, struct learn_file *file, int dir, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        if (io_read_file(dir, file->name, LINES_MAX_TEXT, &text, &len, e) < 0)
                return -e->code;
        if (strlen(text) != len)
                return err_set(e, EINVAL, "'%s' is no text: it holds a NUL byte", file->path);
        file->text = arena_copy(a, text, e);
        return file->text ? 0 : -e->code;
}

/* One that is there is replaced only if that was asked for. */
static int look_at_old(struct arena *a, struct learn_file *file, int dir, bool is_merge,
                       struct err *e)
{
        struct stat st;

        if (fstatat(dir, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno == ENOENT)
                        return 0;
                return err_sys(e, "cannot look at '%s'", file->path);
        }
        if (!file->may_replace) {
                err_set(e, EEXIST, "'%s' is there already", file->path);
                return err_hint(e, "--merge adds what it lacks, --force replaces it");
        }
        /* what a symlink leads to would stay as it is, and somebody else may have put it there */
        if (!S_ISREG(st.st_mode)) {
                err_set(e, EINVAL, "'%s' is not a regular file", file->path);
                return err_hint(e, "name the file itself");
        }
        return is_merge ? read_old(a, file, dir, e) : 0;
}

static int judge_directory(struct learn_file *file, int dir, struct err *e)
{
        struct stat st;

        if (faccessat(dir, ".", W_OK | X_OK, 0) < 0 || fstat(dir, &st) < 0)
                return err_sys(e, "cannot write a policy to '%s'", file->dir);
        file->dev = st.st_dev;
        file->ino = st.st_ino;
        return 0;
}

int learn_file_open(struct arena *a, const char *path, bool is_merge, bool is_forced,
                    struct learn_file *ret, struct err *e)
{
        struct learn_file file = { .path = path, .may_replace = is_merge || is_forced };
        const char *name = directory_of(a, path, &file.name, e);

        if (!name)
                return -e->code;
        if (file.name[0] == '\0')
                return err_set(e, EISDIR, "'%s' is a directory", path);
        autofree char *real = realpath(name, NULL);
        autofd dir = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (dir < 0) {
                err_sys(e, "cannot open '%s'", name);
                return err_hint(e, "the policy is to be written there: choose a directory that is "
                                   "there");
        }
        file.dir = arena_copy(a, real, e);
        if (!file.dir || judge_directory(&file, dir, e) < 0 ||
            look_at_old(a, &file, dir, is_merge, e) < 0)
                return -e->code;
        *ret = file;
        return 0;
}

/* Where nothing is to be replaced, nothing is, also if it came to be there meanwhile. */
static int give_name(const struct learn_file *file, int dir, const char *temporary, struct err *e)
{
        unsigned flags = file->may_replace ? 0 : RENAME_NOREPLACE;

        if (renameat2(dir, temporary, dir, file->name, flags) == 0)
                return 0;
        /* some file systems cannot do that in one step, but make a link only where there is none */
        if (errno == EINVAL && flags && linkat(dir, temporary, dir, file->name, 0) == 0)
                return unlinkat(dir, temporary, 0) < 0 ? err_sys(e, "cannot remove '%s'", temporary)
                                                       : 0;
        return err_sys(e, "cannot write '%s'", file->path);
}

static int write_text(const struct learn_file *file, int fd, const char *text, struct err *e)
{
        if (io_write_all(fd, text, strlen(text), file->path, e) < 0)
                return -e->code;
        return fsync(fd) < 0 ? err_sys(e, "cannot write '%s'", file->path) : 0;
}

/* The one that was judged: the command had its time since. */
static int open_again(const struct learn_file *file, struct err *e)
{
        autofd dir = open(file->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (dir < 0 || fstat(dir, &st) < 0)
                return err_sys(e, "cannot open '%s'", file->dir);
        if (st.st_dev != file->dev || st.st_ino != file->ino)
                return err_set(e, ESTALE, "'%s' is another directory by now", file->dir);
        return fd_take(&dir);
}

int learn_file_write(const struct learn_file *file, const char *text, struct err *e)
{
        autofd dir = open_again(file, e);
        char temporary[64];

        if (dir < 0)
                return -e->code;
        snprintf(temporary, sizeof(temporary), ".kelp-learn-%d-%llx", (int)getpid(),
                 (unsigned long long)io_now());
        /* whoever can write a policy can open the sandbox: it is the user's own alone */
        autofd fd =
                openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot write '%s'", file->path);
        if (write_text(file, fd, text, e) == 0 && give_name(file, dir, temporary, e) == 0)
                return 0;
        (void)unlinkat(dir, temporary, 0);
        return -e->code;
}
